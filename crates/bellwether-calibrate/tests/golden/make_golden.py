# /// script
# requires-python = ">=3.11"
# dependencies = ["scipy==1.17.1"]
# ///
"""Makes the golden values beside this file.

Run from anywhere, in an environment with exactly the version above (checked at start):

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 && venv/bin/python make_golden.py

A difference between our code and these numbers is a finding: never run this only to make a test pass.
"""

import json
import pathlib
from importlib.metadata import version

from scipy.stats import chi2

PINNED = {"scipy": "1.17.1"}
DATE = "2026-11-23"


def main():
    for package, pinned in PINNED.items():
        assert version(package) == pinned, f"{package} is {version(package)}, {pinned} is needed"
    cases = [
        {
            "count": k,
            "low": float(chi2.ppf(0.025, 2 * k) / 2) if k else 0.0,
            "high": float(chi2.ppf(0.975, 2 * k + 2) / 2),
        }
        for k in [0, 1, 2, 3, 5, 10, 20, 47, 100, 400, 1000, 10000]
    ]
    document = {
        "provenance": {
            "packages": PINNED,
            "date": DATE,
            "call": "low = scipy.stats.chi2.ppf(0.025, 2 * k) / 2, 0 for k = 0; high = scipy.stats.chi2.ppf(0.975, 2 * k + 2) / 2",
        },
        "cases": cases,
    }
    path = pathlib.Path(__file__).parent / "poisson.json"
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
