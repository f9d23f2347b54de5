"""How a golden file is written, and where its random numbers come from."""

import json
import pathlib

import numpy as np

SEED = 20261123
DATE = "2026-11-23"
HERE = pathlib.Path(__file__).parent


def plain(value):
    """Arrays and numpy scalars as JSON has them; NaN as null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write(name, call, cases, versions, script):
    """One JSON with its provenance: `versions` maps each tool to its version."""
    provenance = {"script": script, "versions": versions, "seed": SEED, "date": DATE, "call": call}
    lines = ",\n".join("    " + json.dumps(plain(c), allow_nan=False) for c in cases)
    head = json.dumps(provenance, indent=2).replace("\n", "\n  ")
    text = '{\n  "provenance": ' + head + ',\n  "cases": [\n' + lines + "\n  ]\n}\n"
    (HERE / f"{name}.json").write_text(text)


def rng(offset):
    """Every file has its own stream, so that a new case in one leaves the others alone."""
    return np.random.default_rng(SEED + offset)
