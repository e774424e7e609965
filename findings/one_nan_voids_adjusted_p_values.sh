#!/usr/bin/env bash
# Package    statsmodels 0.15.0 (scipy 1.17.1, numpy 2.4.6), Python 3.11
# Guess      A p-value that is NaN (a layer with nothing to test) is left out, or makes the whole call fail.
# Behaviour  multipletests(method="fdr_bh") still rejects: the flags of the other tests are there, with the NaN counted among
#            the tests, but every adjusted p-value becomes NaN. method="holm" of the same list keeps the adjusted values and
#            gives NaN for the one alone. scipy's false_discovery_control refuses the list.
# Matters    One layer that is not measured silently voids a table by layer, and `rejected` and `adjusted` then disagree.
# Output     fdr_bh: rejects True True False True False, adjusted all nan; holm: adjusted 0.005 0.04 nan 0.09 0.4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==2.3.3
"$folder/env/bin/python" - <<'PY'
import numpy as np
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

p = [0.001, 0.01, np.nan, 0.03, 0.2]
rejected, adjusted = multipletests(p, method="fdr_bh")[:2]
print("fdr_bh", rejected.tolist(), adjusted.tolist())
assert rejected.tolist() == [True, True, False, True, False] and np.isnan(adjusted).all()
rejected, adjusted = multipletests(p, method="holm")[:2]
print("holm  ", rejected.tolist(), [round(float(a), 4) for a in adjusted])
assert np.isnan(adjusted).tolist() == [False, False, True, False, False]
try:
    false_discovery_control(p)
    raise SystemExit("scipy took the NaN")
except ValueError as refused:
    print("scipy ", refused)
PY
