"""Fuzzes the readers, the YAML, `-o` and all files that are read, guided by coverage.

    python tests/fuzz/fuzz.py --seconds 60                 # every target
    python tests/fuzz/fuzz.py --seconds 600 yaml table     # these
    python tests/fuzz/fuzz.py --replay fuzz_failures/yaml-0123456789

An input that is a fault is kept in `--failures`, beside its traceback; exit code 1 says that there
are some.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import fuzz_process


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("target", nargs="*", help="which; all if not given")
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--runs", type=int, help="at most so many inputs for each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time")
    parser.add_argument("--failures", default="fuzz_failures", help="folder for what is found")
    parser.add_argument("--corpus", help="folder that keeps inputs which reach new code")
    parser.add_argument("--replay", metavar="FILE", help="try one kept input again")
    parser.add_argument("--targets", default=os.path.join(here, "fuzz_targets.py"))
    given = parser.parse_args()
    if given.replay:
        _replay(given.replay, given.targets)
        return
    began = time.monotonic()
    targets = fuzz_process.instrumented(given.targets)
    for name in given.target:
        if name not in targets:
            parser.error(f"no target {name} among {', '.join(targets)}")
    chosen = {name: target for name, target in targets.items() if name in given.target}
    failures = os.path.abspath(given.failures)
    os.makedirs(failures, exist_ok=True)
    bad = total = 0
    print(f"{'target':<14}{'inputs':>10}{'edges':>8}{'failures':>10}", flush=True)
    for one in fuzz_process.fuzz(
        chosen or targets, given.seconds, given.runs, given.jobs, failures, given.corpus
    ):
        print(f"{one.target:<14}{one.inputs:>10}{one.edges:>8}{len(one.failures):>10}", flush=True)
        for path in one.failures:
            print(f"  {path}")
        if one.problem:
            print(f"  {one.target} ended early: {one.problem}")
        bad += len(one.failures) + bool(one.problem)
        total += one.inputs
    print(f"fuzzed: {total} inputs in {time.monotonic() - began:.0f} s, {bad} failures")
    sys.exit(1 if bad else 0)


def _replay(path: str, targets: str) -> None:
    """Tries a kept input again; what it raised is raised."""
    with open(path, "rb") as file:
        data = file.read()
    fuzz_process.load(targets)[os.path.basename(path).split("-")[0]].check(data)


if __name__ == "__main__":
    main()
