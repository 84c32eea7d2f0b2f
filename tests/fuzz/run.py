#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every fuzz target for a while, two at a time, and says what each did.

usage: tests/fuzz/run.py BUILD [--time SECONDS] [--seed N] [TARGET...]

A failing input stays under BUILD/finds/TARGET; the command that repeats it is printed.  The status is 1 if there was one.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

FUZZ = os.path.dirname(os.path.abspath(__file__))
FINDING = re.compile(r"Test unit written to (\S+)")
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def number(text, pattern):
    """The last number a pattern finds; None where libFuzzer did not get as far as printing it."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else None


def fuzz(build, name, seconds, seed):
    program, finds = os.path.join(build, "tests", "fuzz", "fuzz_" + name), os.path.join(build, "finds", name)
    os.makedirs(finds, exist_ok=True)
    folders = [f for f in (finds, os.path.join(FUZZ, "corpus", name)) if os.path.isdir(f)]
    command = [program, f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-rss_limit_mb=1024",
               "-print_final_stats=1", f"-artifact_prefix={finds}/crash-", *folders]
    try:
        p = subprocess.run(command, env=dict(os.environ, **SANITIZERS), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 60, check=False)
        return name, program, p.returncode, p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        return name, program, "cut off", (e.stdout or b"").decode("utf-8", "replace")


def show(name, program, status, out):
    """One line of figures, and all of a failure; returns whether the target passed."""
    columns = [number(out, p) for p in (r"number_of_executed_units:\s*(\d+)", r"average_exec_per_sec:\s*(\d+)",
                                        r"\bcov: (\d+)", r"\bft: (\d+)", r"\bcorp: (\d+)", r"peak_rss_mb:\s*(\d+)")]
    passed = status == 0 and bool(columns[0])
    print(f"{name:10}" + "".join(f"{'-' if c is None else c:>11}" for c in columns) + f"{0 if passed else 1:>9}",
          flush=True)
    if not passed:
        print(f"{out[-6000:]}\n{name}: ended with {status}")
        for path in FINDING.findall(out):
            print(f"kept: {path}\nrepeat: {program} {path}", flush=True)
    return passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--time", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("targets", nargs="*")
    args = parser.parse_intermixed_args()  # options may stand before and after the names
    names = sorted(f[5:] for f in os.listdir(os.path.join(args.build, "tests", "fuzz"))
                   if f.startswith("fuzz_") and "." not in f)
    names = [n for n in names if not args.targets or n in args.targets]
    if not names or set(args.targets) - set(names):
        sys.exit(f"no such target under {args.build}")
    print(f"seed {args.seed}, {args.time} s for each of {len(names)} targets")
    print(f"{'target':10}" + "".join(f"{c:>11}" for c in ("executions", "exec/s", "cov", "ft", "corpus", "rss MB"))
          + f"{'failed':>9}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fuzz, args.build, n, args.time, args.seed) for n in names]
        passed = [show(*r.result()) for r in concurrent.futures.as_completed(runs)]
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed, 0 skipped")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
