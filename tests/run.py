#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every suite and sums up.

A test program prints TAP ("ok 1 - name", "not ok 2 - name", "ok 3 # SKIP reason"); cmocka does when it is asked to.
Each program is cut off by a time limit, which counts as a failure, as does a program that ends without a result.
The last line is "N passed, N failed, N skipped".
"""
import argparse
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM_LIMIT = 240
RESULT = re.compile(r"^(ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*)$")

# suite name, build directory, programs by prefix, budget in seconds, does it need KVM
SUITES = [
    ("unit", "build", "unit_", 30, False),
    ("kvm", "build", "kvm_", 90, True),
    ("guest", "build", "guest_", 90, True),
    ("fault", "build", "fault_", 90, True),
    ("cli", "build", "cli:", 120, True),
    ("linux", "build", "linux:", 150, True),
    ("examples", "build", "example:", 20, True),
    ("unit-asan", "build-asan", "unit_", 30, False),
    ("kvm-asan", "build-asan", "kvm_", 120, True),
    ("guest-asan", "build-asan", "guest_", 120, True),
    ("fault-asan", "build-asan", "fault_", 120, True),
    ("guestfuzz", "build", "guestfuzz", 20, True),
    ("guestfuzz-asan", "build-asan", "guestfuzz", 20, True),
    ("cmdfuzz-asan", "build-asan", "cmd:", 20, True),
    ("threads-tsan", "build-tsan", "kvm_vm kvm_run kvm_trace kvm_swarm kvm_threads", 120, True),
    ("fuzz", "build-fuzz", "fuzz_", 120, False),
    ("lint", "build", "lint:", 220, False),
]

SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=99",
}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []
        self.failures = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures


def executables(build, prefixes):
    found = []
    for folder, _, files in os.walk(os.path.join(ROOT, build, "tests")):
        for f in files:
            path = os.path.join(folder, f)
            if any(f.startswith(p) for p in prefixes.split()) and "." not in f and os.access(path, os.X_OK):
                found.append(path)
    return sorted(found)


def commands(suite, build, prefix, args):
    """The command lines of a suite, each with a name."""
    def python(folder):
        for f in sorted(os.listdir(os.path.join(ROOT, "tests", folder))):
            if f.startswith("test_") and f.endswith(".py"):
                yield f[5:-3], [sys.executable, os.path.join(ROOT, "tests", folder, f), os.path.join(ROOT, build)]

    folders = {"cli:": "cli", "cmd:": "cmdfuzz", "example:": "examples", "linux:": "linux", "lint:": "lint"}
    if prefix in folders:
        return list(python(folders[prefix]))
    if suite == "fuzz":
        # A folder of finds comes first: libFuzzer writes new inputs there, and only reads the kept corpus.
        out = []
        for path in executables(build, prefix):
            name = os.path.basename(path)[5:]
            finds = os.path.join(ROOT, build, "finds", name)
            os.makedirs(finds, exist_ok=True)
            corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", name)
            out.append((name, [path, f"-max_total_time={args.fuzz_seconds}", "-timeout=10", "-rss_limit_mb=1024",
                               "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={finds}/crash-", finds,
                               corpus]))
        return out
    return [(os.path.basename(p), [p]) for p in executables(build, prefix)]


def limit_of(suite, args):
    """Seconds for one program: some suites are one, and Linux boots many times, which takes 10 to 40 s each by the machine."""
    if suite == "fuzz":
        return args.fuzz_seconds + 60
    if suite == "linux":
        return PROGRAM_LIMIT * (40 if args.slow else 4)
    return PROGRAM_LIMIT * (5 if args.slow else 2 if suite == "lint" else 1)


def run_program(suite, name, command, limit, slow=False):
    tally = Tally()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", LC_ALL="C", **SANITIZERS)
    if slow:  # tests that count do so ten times as far
        env["SNUG_SLOW"] = "1"
    try:
        p = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, cwd=ROOT)
        out, errors, status = p.stdout, p.stderr, p.returncode
    except subprocess.TimeoutExpired as e:
        out, errors, status = e.stdout or b"", e.stderr or b"", f"cut off after {limit} s"
    out, errors = out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
    plan = None
    for line in out.splitlines():
        m = re.match(r"^1\.\.(\d+)", line)
        if m:
            plan = int(m.group(1))
        m = RESULT.match(line)
        if not m:
            continue
        skip = re.search(r"#\s*SKIP\s*(.*)", line, re.I)
        if skip:  # first: cmocka writes "not ok 3 # SKIP name"
            tally.skipped.append(f"{suite}/{name}: {skip.group(1)}")
        elif m.group(1) == "not ok":
            tally.failed += 1
            tally.failures.append(f"{suite}/{name}: {m.group(2)}")
        else:
            tally.passed += 1
    seen = tally.passed + tally.failed + len(tally.skipped)
    if suite == "fuzz":
        if status == 0 and re.search(r"stat::number_of_executed_units:\s*[1-9]", out + errors):
            tally.passed += 1
        else:
            tally.failed += 1
            tally.failures.append(f"{suite}/{name}: status {status}")
    elif (status != 0 and not tally.failed) or seen == 0 or (plan is not None and seen < plan):
        tally.failed += 1
        tally.failures.append(f"{suite}/{name}: ended with {status} after {seen} of {plan or '?'} results")
    if tally.failed:
        print(f"--- {suite}/{name}: {' '.join(command)}\n{out[-6000:]}{errors[-12000:]}--- end of {suite}/{name}")
    return tally


def kvm_usable():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
        return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="suites to run, comma-separated")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--fuzz-seconds", type=int, default=0)
    args = parser.parse_args()
    args.fuzz_seconds = args.fuzz_seconds or (120 if args.slow else 4)
    total, kvm_ran, start = Tally(), 0, time.monotonic()
    for suite, build, prefix, budget, needs_kvm in SUITES:
        if args.only and suite not in args.only.split(","):
            continue
        tally, begun = Tally(), time.monotonic()
        programs = commands(suite, build, prefix, args)
        if not programs:
            tally.failed += 1
            tally.failures.append(f"{suite}: no test program found under {build}")
        for name, command in programs:
            tally.add(run_program(suite, name, command, limit_of(suite, args), args.slow))
        took = time.monotonic() - begun
        over = " OVER BUDGET" if took > budget and not (args.slow or suite == "fuzz") else ""
        print(f"{suite:13} {tally.passed:5} passed {tally.failed:3} failed {len(tally.skipped):3} skipped"
              f"  {took:6.1f} s of {budget}{over}", flush=True)
        kvm_ran += tally.passed if needs_kvm else 0
        total.add(tally)
    if not args.only and kvm_usable() and kvm_ran == 0:
        total.failed += 1
        total.failures.append("/dev/kvm opens, yet no KVM test ran")
    print(f"in all {time.monotonic() - start:.0f} s")
    for s in total.skipped:
        print(f"skipped  {s}")
    for f in total.failures:
        print(f"FAILED   {f}")
    print(f"{total.passed} passed, {total.failed} failed, {len(total.skipped)} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
