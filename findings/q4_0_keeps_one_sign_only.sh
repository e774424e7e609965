#!/usr/bin/env bash
# Package    gguf 0.19.0 (numpy 2.4.6), Python 3.11
# Guess      A symmetric 4-bit format stores +1 and -1 of one block equally well.
# Behaviour  Q4_0 and Q5_0 take their scale from the number of largest magnitude *with its sign*, of equal ones the first:
#            that one is exact, the same magnitude of the other sign loses an eighth (Q5_0: a sixteenth). Which of the two
#            suffers depends on their order in the block. Q8_0 treats both alike.
# Matters    Massive channels come in both signs. A cache or weight in Q4_0 shrinks one sign of a pair by 12.5 %.
# Output     Q4_0 +1 first: 1.0 -0.875, -1 first: -1.0 0.875; Q5_0 0.9375; Q8_0 equal magnitudes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet gguf==0.19.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PY'
import numpy as np
from gguf import GGMLQuantizationType as Type, quants

def both(kind, first):
    block = np.zeros((1, 32), np.float32)
    block[0, 3], block[0, 17] = first, -first
    back = quants.dequantize(quants.quantize(block, kind), kind)
    return float(back[0, 3]), float(back[0, 17])

for kind in (Type.Q4_0, Type.Q5_0, Type.Q8_0):
    print(kind.name, "+1 first:", *both(kind, 1), "  -1 first:", *both(kind, -1))
assert both(Type.Q4_0, 1) == (1.0, -0.875) and both(Type.Q4_0, -1) == (-1.0, 0.875)
assert both(Type.Q5_0, 1) == (1.0, -0.9375) and both(Type.Q5_0, -1) == (-1.0, 0.9375)
assert abs(both(Type.Q8_0, 1)[0]) == abs(both(Type.Q8_0, 1)[1])
PY
