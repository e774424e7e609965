#!/usr/bin/env python3
"""The Bayes criterion of two small corpora, worked out apart from src/levels: what mixture_test.cpp expects.

    python3 bayes_criterion.py    prints the numbers
"""

import math

N_LAYERS = 30
JITTERS = [0.3, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8]
START_JITTERS = JITTERS[:6]


def bell(offset, sigma):
    total = sum(math.exp(-d * d / (2 * sigma * sigma)) for d in range(-16, 17))
    return math.exp(-offset * offset / (2 * sigma * sigma)) / total


def bell_from(offset, sigma):
    return sum(bell(d, sigma) for d in range(offset, 17))


def log(probability):
    return math.log(max(probability, 1e-300))


def of_level(level, cell):
    (start, end, sigma_start, sigma_end), (l_start, l_end, censored, _) = level, cell
    at_end = bell_from if censored else bell
    return bell(l_start - start, sigma_start) * at_end(l_end - end, sigma_end)


def likelihoods(cells, level, weights, hazard):
    """By cell: what the hazard's noise, the even noise and the level contribute."""
    shortest = min(end - start for start, end, _, _ in cells)
    rows = []
    for cell in cells:
        start, end, censored, _ = cell
        lasted = max(0, end - start - shortest)
        by_hazard = (1 - hazard) ** lasted / N_LAYERS * (1 if censored else hazard)
        evenly = (N_LAYERS - end if censored else 1) / (N_LAYERS * (N_LAYERS + 1) / 2)
        rows.append((weights[0] * by_hazard, weights[1] * evenly, weights[2] * of_level(level, cell) if level else 0.0))
    return rows


def criterion(cells, place):
    """EM with the level held at its place, its jitters the likeliest; -2 log L + free x log n."""
    total = sum(weight for *_, weight in cells)
    shortest = min(end - start for start, end, _, _ in cells)
    level = (*place, 1.0, 1.0) if place else None
    weights, hazard = ([0.3, 0.3, 0.4] if place else [0.5, 0.5, 0.0]), 0.5
    for _ in range(5000):
        rows = likelihoods(cells, level, weights, hazard)
        shares = [[part / sum(row) * cell[3] for part in row] for row, cell in zip(rows, cells)]
        sums = [sum(share[k] for share in shares) for k in range(3)]
        ends = sum(share[0] for share, cell in zip(shares, cells) if not cell[2])
        layers = sum(share[0] * (cell[1] - cell[0] - shortest) for share, cell in zip(shares, cells))
        weights = [s / total for s in sums]
        hazard = min(0.99, max(0.01, ends / (ends + layers))) if ends + layers > 0 else hazard
        if place:
            level = (*place,
                     max(START_JITTERS, key=lambda sigma: sum(share[2] * log(bell(cell[0] - place[0], sigma))
                                                              for share, cell in zip(shares, cells))),
                     max(JITTERS, key=lambda sigma: sum(share[2] * log((bell_from if cell[2] else bell)(
                         cell[1] - place[1], sigma)) for share, cell in zip(shares, cells))))
    log_l = sum(cell[3] * math.log(sum(row)) for row, cell in zip(likelihoods(cells, level, weights, hazard), cells))
    free = 2 + (5 if place else 0)
    return -2 * log_l + free * math.log(total)


CELLS = [(10, 15, False, 24), (11, 15, False, 8), (10, 16, False, 8), (4, 20, False, 2), (17, 18, False, 3),
         (12, 27, True, 5)]

if __name__ == "__main__":
    print("no level  ", round(criterion(CELLS, None), 3))
    print("one level ", round(criterion(CELLS, (10, 15)), 3))
