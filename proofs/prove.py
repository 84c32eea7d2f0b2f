#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves the contracts in the sources (docs/proofs.md), each function by itself.

One line a function, with the goals proved; the last line is "N passed, N failed, N skipped".  A function without goals
fails, as does one with a goal that is not proved or with a warning of WP about its memory model.

prove.py [--smoke] [WORD...]: those whose line has one of the words; --smoke also looks for contracts that contradict
themselves, which takes some minutes.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-prove")
CPP = "-std=c11 -D_GNU_SOURCE -Iinclude -Isrc -include proofs/given.h"
COMMON = ["frama-c", "-c11", "-machdep", "gcc_x86_64", f"-cpp-extra-args={CPP}"]
WP = ["-wp", "-wp-rte", "-wp-model", "Typed", "-wp-prover", "cvc4,z3", "-wp-timeout", "10", "-wp-par", "1",
      "-wp-cache", "none", "-warn-invalid-pointer"]
SMOKE = ["-wp-smoke-tests", "-wp-smoke-timeout", "1"]
NO_WRAP = ["-warn-unsigned-overflow"]
EVA = ["-eva", "-eva-precision", "5", "-eva-auto-loop-unroll", "16"]
Z3_LIMIT = 120

# Where unsigned arithmetic may not wrap at all.
STRICT = {
    "src/base/num.h": ["snug__add", "snug__within", "snug__overlap", "snug__aligned", "snug__round_up", "snug__min",
                       "snug__max", "snug__ones"],
    "src/base/cursor.h": ["snug__span_sub", "snug__cursor_le"],
    "src/guest/mem.c": ["count_upto", "snug__mem_find", "snug__mem_overlap", "piece", "snug__mem_has", "bytes_at"],
    "src/guest/bus.c": ["lower_bound", "range_len", "snug__bus_find", "snug__bus_overlap", "piece"],
}
# A shift that drops bits on purpose.
SHIFTS = {"src/guest/mem.c": ["mark"]}


def run(command, limit=600):
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit,
                       env=dict(os.environ, WHY3CONFIG=os.path.join(BUILD, "why3.conf")))
    return p.returncode, p.stdout + p.stderr


def unit(path):
    """What frama-c reads: a source file as it is, a header through a file that includes it."""
    if path.endswith(".c"):
        return path
    name = os.path.join(BUILD, os.path.basename(path)[:-2] + ".c")
    with open(name, "w", encoding="utf-8") as f:
        f.write(f'#include "{path[4:]}"\n')
    return name


def wp(path, function, options):
    """(goals proved, goals, complaints); smoke tests are counted apart."""
    code, out = run(COMMON + WP + options + ["-wp-fct", function, unit(path)])
    m = re.search(r"^\[wp\] Proved goals:\s+(\d+) / (\d+)", out, re.M)
    if code or not m:
        return 0, 0, [out[-2000:]]
    bad = re.findall(r"^\[wp\] \[(?!Passed|Qed|Z3|CVC4).*", out, re.M) + re.findall(r"^\[wp\] .*Warning:.*\n.*", out, re.M)
    passed = len(re.findall(r"^\[wp\] \[Passed\] Smoke-test", out, re.M))
    smoke = len(re.findall(r"^\[wp\] \[\w+\] Smoke-test", out, re.M))
    return int(m.group(1)) - passed, int(m.group(2)) - smoke, bad


def eva(path, main, contracts):
    """No alarm, and every pre- and postcondition that is reached holds."""
    code, out = run(COMMON + EVA + ["-main", main, path, "-then", "-report"])
    alarms = re.search(r"^  (\d+) alarms? generated", out, re.M)
    pre = re.search(r"^    Preconditions\s+(\d+) valid.*?(\d+) total", out, re.M)
    post = re.findall(rf"^\[\s*(\w+)\s*\] Post-condition \(file {re.escape(contracts)}", out, re.M)
    if code or not alarms or not pre or not post or int(pre.group(2)) == 0:
        return 0, 0, [out[-2000:]]
    bad = [] if int(alarms.group(1)) == 0 else re.findall(r"^\[eva:alarm\].*\n.*", out, re.M) or ["alarms"]
    return int(pre.group(1)) + post.count("Valid"), int(pre.group(2)) + len(post), bad


def axioms():
    """The axioms of proofs/given.h in bit vectors: z3 finds no value that breaks one of them ("unsat")."""
    one, last = "(_ bv1 64)", f"(_ bv{1 << 63} 64)"
    text = "(set-logic QF_BV)(declare-const v (_ BitVec 64))(declare-const p (_ BitVec 64))"
    # Every power of two, as is_pow2 has it, is one of 64, and they lie within one_bit's bounds.
    cases = " ".join(f"(= p (_ bv{1 << k} 64))" for k in range(64))
    text += f"(push)(assert (and (distinct p (_ bv0 64)) (= (bvand p (bvsub p {one})) (_ bv0 64)) (not (or {cases}))))"
    text += f"(check-sat)(pop)(push)(assert (and (or {cases}) (or (bvult p {one}) (bvugt p {last}))))(check-sat)(pop)"
    for k in range(64):
        power, m = f"(_ bv{1 << k} 64)", f"(_ bv{(1 << k) - 1} 64)"
        high = f"(bvand v (bvnot {m}))"
        for holds in (f"(= (bvand v {m}) (bvurem v {power}))",
                      f"(and (= (bvurem {high} {power}) (_ bv0 64)) (bvule {high} v) (bvule (bvsub v {high}) {m}))"):
            text += f"(push)(assert (not {holds}))(check-sat)(pop)"
    name = os.path.join(BUILD, "axioms.smt2")
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)
    _, out = run(["z3", f"-T:{Z3_LIMIT}", name])
    return out.split().count("unsat"), text.count("(check-sat)"), [] if "error" not in out else [out[:500]]


def show(name, proved, goals, bad):
    ok = goals > 0 and proved == goals and not bad
    print(f"{'proved' if ok else 'NOT PROVED'}  {name}: {proved} of {goals} goals", flush=True)
    for text in bad:
        print("\n".join("# " + line for line in text.splitlines()), flush=True)
    return ok


def main():
    os.nice(5)
    os.makedirs(BUILD, exist_ok=True)
    started = time.monotonic()
    # A configuration of our own, so that the user's is left alone.
    code, out = run(["why3", "config", "detect"])
    if code:
        print(out)
    smoke = SMOKE if "--smoke" in sys.argv else []
    words = [word for word in sys.argv[1:] if word != "--smoke"]
    jobs = [(f"{path} {f}", wp, (path, f, options + smoke)) for units, options in ((STRICT, NO_WRAP), (SHIFTS, []))
            for path, functions in units.items() for f in functions]
    jobs.append(("src/base/bytes.h by EVA", eva, ("proofs/bytes.c", "bytes_every_size", "src/base/bytes.h")))
    jobs.append(("proofs/given.h axioms", axioms, ()))
    if words:
        jobs = [j for j in jobs if any(word in j[0] for word in words)]
    passed = goals = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = [(name, pool.submit(how, *args)) for name, how, args in jobs]
        for name, job in running:
            result = job.result()
            passed += show(name, *result)
            goals += result[0]
    print(f"{goals} goals, {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {len(jobs) - passed} failed, 0 skipped")
    return 0 if jobs and passed == len(jobs) else 1


sys.exit(main())
