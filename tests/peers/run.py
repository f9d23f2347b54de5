#!/usr/bin/env python3
"""The comparison with peers, in one command: environments, streams, every detector, the tables and the picture.

    python tests/peers/run.py --binary target/release/bellwether --work target/peers [--quick]
    python tests/peers/run.py --binary target/release/bellwether --work target/peers --only bellwether [--kinds accuracy]

What is done is not done again, but Bellwether's side is always new. `--only` names the detectors to run (again); the report is
always made. Needs the standard library only.
"""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOOSER = 1000
"""`monitor.watch_run_length` of the looser operating point."""


class Runner:
    """Runs the parts, each in the environment that it needs."""

    def __init__(self, work: pathlib.Path) -> None:
        self.work = work

    def python(self, environment: str) -> pathlib.Path:
        """The interpreter of an environment, which is made if there is none."""
        folder = self.work / "environments" / environment
        python, made = folder / "bin" / "python", folder / "made"
        if not made.exists():
            suffix = "" if environment == "own" else f"-{environment}"
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / f"requirements{suffix}.txt"], check=True)
            made.touch()
        return python

    def part(self, script: str, environment: str, *arguments: object) -> None:
        """Runs one script to its end, on one thread."""
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        command = [self.python(environment), HERE / script, "--work", self.work, *map(str, arguments)]
        subprocess.run(command, check=True, env=os.environ | threads)

    def once(self, name: str, again: bool, script: str, environment: str, *arguments: object) -> None:
        """The same, unless it has been done and is not asked for again."""
        done = self.work / "done" / name
        if again or not done.exists():
            self.part(script, environment, *arguments)
            done.parent.mkdir(exist_ok=True)
            done.touch()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="", help="of bellwether, river, alibi, evidently, nannyml, report")
    parser.add_argument("--kinds", default="shift,novelty,accuracy,confidence", help="for bellwether and river")
    parser.add_argument("--quick", action="store_true", help="few streams, Bellwether and River alone: a try, no result")
    args = parser.parse_args()
    work = args.work.resolve() / "quick" if args.quick else args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    run = Runner(work)
    only = args.only.split(",") if args.only else ["bellwether", "river"] if args.quick else []

    def wanted(name: str) -> bool:
        return not only or name in only

    counts = ("--runs", 5, "--nulls", 20) if args.quick else ()
    run.once("streams", False, "streams.py", "own", "--demo", ROOT / "crates/bellwether/assets/demo.parquet", *counts)
    if wanted("bellwether"):
        for length in (0, LOOSER):
            run.part("bellwether_side.py", "own", "--binary", args.binary.resolve(), "--kinds", args.kinds, "--run-length", length)
    if wanted("river"):
        run.once(f"river-{args.kinds}", "river" in only, "adwin_side.py", "own", "--kinds", args.kinds)
    if wanted("nannyml"):
        run.once("nannyml", "nannyml" in only, "nannyml_side.py", "nannyml")
    if wanted("evidently"):
        run.once("evidently", "evidently" in only, "evidently_side.py", "evidently")
    if wanted("alibi"):
        for detector in ("lsdd", "mmd"):
            run.once(detector, "alibi" in only, "alibi_side.py", "alibi", "--detector", detector)
    documents = () if args.quick else ("--comparison", ROOT / "docs/COMPARISON.md", "--picture", ROOT / "docs/images/comparison.svg")
    run.part("report.py", "own", *documents)


if __name__ == "__main__":
    main()
