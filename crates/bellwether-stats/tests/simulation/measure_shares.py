# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6"]
# ///
"""Measures, in an implementation of its own, the shares that our docs and simulations state. Seed 5, 2026-11-23.

    venv/bin/python measure_shares.py      # numpy 2.4.6; a minute

1. How often a fault that stands is cleared within 1000 observations by the recovery test at a likelihood ratio of 100
   (4000 runs each): the ceilings of `recovery.rs` beside this file.
2. For how many references a bet on residuals grows under no change (300 references each): the doc of `src/regression.rs`.
"""

import numpy as np

rng = np.random.default_rng(5)


def share_cleared(bound, fault, runs=4000, steps=1000):
    ratio, excess = np.zeros(runs), np.zeros(runs)
    recent, kept = np.zeros((runs, 60)), 0
    cleared = np.zeros(runs, bool)
    for _ in range(steps):
        value = (rng.random(runs) < fault).astype(float)
        recent = np.roll(recent, -1, 1)
        recent[:, -1] = value
        kept = min(60, kept + 1)
        halfway = 0.5 * (bound + excess)
        high = np.minimum(np.maximum(bound * 1.25, np.minimum(halfway, 0.97)), 0.97)
        low = np.minimum(bound * 0.8, high)
        step = value * np.log(low / high) + (1 - value) * np.log((1 - low) / (1 - high))
        ratio = np.maximum(ratio + step, 0)
        if kept >= 20:
            mean = recent[:, -min(kept, 40) :].mean(1)
            excess = np.where(ratio < 1, np.maximum(excess * 0.98, mean), excess)
        cleared |= ratio > np.log(100)
    return cleared.mean()


def residuals(n):
    return np.abs(rng.random((n, 12)).sum(-1) - 6)


def share_growing(n, tolerance, stream, references=300):
    powers = np.array([0.3, 0.5, 0.7, 0.85, 0.95])
    grows = 0
    for _ in range(references):
        reference = np.sort(residuals(n) * (1 + tolerance))
        p = (n - np.searchsorted(reference, stream) + 1) / (n + 1)
        growth = (np.log(powers)[:, None] + (powers - 1)[:, None] * np.log(p)).mean(1)
        grows += growth.max() > 0
    return grows / references


for bound, fault in ((0.1, 0.4), (0.1, 0.3), (0.1, 0.2), (0.5, 0.8), (0.03, 0.2), (0.13, 0.5), (0.13, 0.9), (0.1, 0.15)):
    print(f"bound {bound}, fault {fault}: cleared {share_cleared(bound, fault):.3f}")
stream = residuals(20000)
for n in (100, 400, 4000):
    for tolerance in (0.0, 0.15):
        print(f"{n} residuals, tolerance {tolerance}: grows for {share_growing(n, tolerance, stream):.3f}")
