#!/usr/bin/env bash
# Package    gguf 0.19.0 (numpy 2.4.6), Python 3.11
# Guess      Eight bits with a scale for each 32 numbers hold any finite float32 to a relative 0.4 %.
# Behaviour  The scale is a float16, so a block whose largest magnitude passes 127 x 65504 = 8.3 million comes back as
#            infinity, all 32 numbers of it, also those that were small. In the same block a number under 1/254 of the largest
#            is lost, as expected; an infinite block is not an error, only a warning of numpy's.
# Matters    Residual streams of large models have channels of 10^4 to 10^6; a dump of states kept as Q8_0 is not safe.
# Output     largest 8.0e6: finite; largest 8.4e6: 0 of 32 numbers finite
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet gguf==0.19.0 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
from gguf import GGMLQuantizationType as Type, quants

def finite(largest):
    block = np.ones((1, 32), np.float32)
    block[0, 7] = largest
    back = quants.dequantize(quants.quantize(block, Type.Q8_0), Type.Q8_0)
    return int(np.isfinite(back).sum())

for largest in (8.0e6, 8.4e6):
    print(f"largest {largest:.1e}: {finite(largest)} of 32 numbers finite")
assert finite(8.0e6) == 32
assert finite(8.4e6) == 0
PY
