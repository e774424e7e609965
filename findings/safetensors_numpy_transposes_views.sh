#!/usr/bin/env bash
# Package    safetensors 0.8.0 (numpy 2.4.6), Python 3.11
# Guess      safetensors.numpy saves what the array says, or refuses an array that is not contiguous.
# Behaviour  A transposed view is saved with its own shape and the memory of the array behind it: what is loaded has the right
#            shape, the right numbers, and the wrong order. A strided slice takes its neighbours' numbers. Nothing is said.
# Matters    States [n_tokens, d_model] saved as `states.T` are scrambled; np.ascontiguousarray() first.
# Output     saved [[0, 3], [1, 4], [2, 5]], loaded [[0, 1], [2, 3], [4, 5]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import load, save

def loaded(array):
    return load(save({"a": array}))["a"]

view = np.arange(6, dtype=np.float32).reshape(2, 3).T
print("saved", view.tolist(), "loaded", loaded(view).tolist())
every_other = np.arange(6, dtype=np.float32)[::2]
print("saved", every_other.tolist(), "loaded", loaded(every_other).tolist())
assert loaded(view).shape == view.shape and loaded(view).tolist() == [[0, 1], [2, 3], [4, 5]]
assert loaded(every_other).tolist() == [0, 1, 2]
assert np.array_equal(loaded(np.ascontiguousarray(view)), view)
PY
