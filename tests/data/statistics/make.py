#!/usr/bin/env python3
"""Makes reference.json: what SciPy, scikit-learn, statsmodels and lifelines compute on small data.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 statsmodels==0.15.0 lifelines==0.30.3
    python make.py > reference.json

Run once; the tests read the file and need none of these packages.
"""

import json

import lifelines
import numpy as np
import scipy.stats
from lifelines.utils import concordance_index
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


def residuals(values, covariates):
    design = np.column_stack([np.ones(len(values)), *covariates])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def main():
    random = np.random.default_rng(7)
    n = 30
    layer = random.integers(2, 6, n).astype(float)
    position = random.integers(8, 2000, n).astype(float)
    x = np.round(random.normal(size=n) + 0.3 * layer, 1)  # rounded: some are equal
    y = np.round(0.7 * x - 0.2 * layer + 0.3 * random.normal(size=n), 1)
    covariates = [layer, scipy.stats.rankdata(position)]
    rest_x = residuals(scipy.stats.rankdata(x), covariates)
    rest_y = residuals(scipy.stats.rankdata(y), covariates)
    line = scipy.stats.linregress(x, y)

    time = random.integers(1, 15, n).astype(float)
    ended = random.random(n) < 0.7
    score = np.round(time / 4 + random.normal(size=n), 1)
    curve = lifelines.KaplanMeierFitter().fit(time, ended)
    table = curve.event_table.iloc[1:]

    p = np.round(random.random(12) ** 3, 4) + 1e-5
    rows = random.normal(size=(9, 5)) @ np.diag([5, 3, 2, 1, 0.5])
    rows = rows.astype(np.float32).astype(float)
    pca = PCA(n_components=4).fit(rows)

    sample = np.round(random.gamma(2.0, size=14), 2)
    print(json.dumps({
        "x": x.tolist(), "y": y.tolist(), "layer": layer.tolist(), "position": position.tolist(),
        "ranks_x": scipy.stats.rankdata(x).tolist(),
        "pearson": float(scipy.stats.pearsonr(x, y).statistic),
        "spearman": float(scipy.stats.spearmanr(x, y).statistic),
        "residuals_x": rest_x.tolist(),
        "partial_spearman": float(scipy.stats.pearsonr(rest_x, rest_y).statistic),
        "line": [line.slope, line.intercept, line.rvalue ** 2],
        "time": time.tolist(), "ended": ended.tolist(), "score": score.tolist(),
        "kaplan_meier": {"time": table.index.tolist(), "at_risk": table["at_risk"].tolist(),
                         "survival": curve.survival_function_["KM_estimate"].iloc[1:].tolist(),
                         "median": float(curve.median_survival_time_)},
        "harrell_c": float(concordance_index(time, score, ended)),
        "p": p.tolist(),
        "benjamini_hochberg": multipletests(p, method="fdr_bh")[1].tolist(),
        "holm": multipletests(p, method="holm")[1].tolist(),
        "fisher": float(scipy.stats.combine_pvalues(p, method="fisher").pvalue),
        "clopper_pearson": [[k, m, *map(float, proportion_confint(k, m, alpha=0.05, method="beta"))]
                            for k, m in [(0, 6), (6, 6), (1, 8), (8, 8), (37, 59), (500, 1000)]],
        "incomplete_beta": [[a, b, u, float(scipy.special.betainc(a, b, u))]
                            for a, b, u in [(0.5, 0.5, 0.3), (2, 7, 0.1), (40, 3, 0.95), (1, 1, 0.25), (300, 200, 0.61)]],
        "normal_quantile": [[q, float(scipy.stats.norm.ppf(q))] for q in [1e-10, 0.001, 0.025, 0.3, 0.5, 0.9, 0.9999]],
        "rows": rows.tolist(),
        "pca": {"mean": pca.mean_.tolist(), "directions": pca.components_.tolist(),
                "variance": pca.explained_variance_ratio_.tolist()},
        "auc": float(roc_auc_score(ended, score)),
        "sample": sample.tolist(),
        "bca_of_mean": [float(v) for v in scipy.stats.bootstrap((sample,), np.mean, n_resamples=200_000, method="BCa",
                                                                rng=np.random.default_rng(3)).confidence_interval],
        "percentile_of_mean": [float(v) for v in scipy.stats.bootstrap(
            (sample,), np.mean, n_resamples=200_000, method="percentile",
            rng=np.random.default_rng(3)).confidence_interval],
    }, indent=1))


if __name__ == "__main__":
    main()
