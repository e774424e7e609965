#!/usr/bin/env bash
# Package    lifelines 0.30.3, statsmodels 0.15.0 (scipy 1.17.1, numpy 2.4.6), Python 3.11
# Guess      The Kaplan-Meier median of a handful of lifetimes is the same number in every library.
# Behaviour  Where the survival curve equals one half exactly, as with any even number of uncensored lifetimes, lifelines takes the
#            time at which it gets there, statsmodels the next one. The curves themselves are equal.
# Matters    Lifetimes in layers are small whole numbers with many ties, so the case is common; a median of 2 or of 3 layers is
#            then a matter of the library.
# Output     lifetimes 1 2 3 4: lifelines 2.0, statsmodels 3.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet lifelines==0.30.3 statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==2.3.3
"$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

times, ended = np.array([1.0, 2, 3, 4]), np.ones(4)
fitted, curve = KaplanMeierFitter().fit(times, ended), SurvfuncRight(times, ended)
print("lifelines", fitted.median_survival_time_, "statsmodels", curve.quantile(0.5))
assert np.allclose(fitted.survival_function_.iloc[1:, 0], curve.surv_prob)
assert fitted.median_survival_time_ == 2 and curve.quantile(0.5) == 3
PY
