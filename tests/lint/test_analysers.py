#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cppcheck, clang-tidy and gcc -fanalyzer over the library and the command, clean; what is suppressed says why.

A suppression names its check and has a reason behind a colon: NOLINT...(check): why, cppcheck-suppress check: why, and
for gcc, which has none of its own, ANALYZER-OFF(check): why, for the file it stands in.
"""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build")
# Twice what gcc does by itself before it gives up on a place, four times before it does on a function: some 35 s of one CPU.
DEPTH = ["--param=analyzer-max-enodes-per-program-point=16", "--param=analyzer-bb-explosion-factor=20"]
JOBS = 2
count = 0


def features():
    """What the build found: the code behind it is there to be looked at, and so are the headers it wants."""
    try:
        with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
            return sorted(set(re.findall(r"-DSNUG_HAVE_\w+", " ".join(row["command"] for row in json.load(f)))))
    except FileNotFoundError:
        return ["-DSNUG_HAVE_ZYDIS"]


FLAGS = ["-std=c11", "-D_GNU_SOURCE", *features(), "-Iinclude", "-Isrc", "-Icli"]


def run(*command):
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
    return p.returncode, p.stdout + p.stderr


def report(name, bad, out=""):
    global count
    count += 1
    if bad:
        print("\n".join("# " + line for line in out.splitlines()[:60]))
    print(f"{'not ok' if bad else 'ok'} {count} - {name}", flush=True)


def each(files, jobs, look):
    """Each file by itself: what an analyser finds in one must not hang on what it read before."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        done = list(pool.map(look, files))
    return max((code for code, _ in done), default=1), "\n".join(out for code, out in done if code)


def tidy(path):
    return run("clang-tidy", "--quiet", "--warnings-as-errors=*", path, "--", *FLAGS)


def gcc(path):
    # -O2 as in the build.
    with open(path, encoding="utf-8") as f:
        off = [f"-Wno-analyzer-{check}" for check in re.findall(r"ANALYZER-OFF\(([\w-]+)\)", f.read())]
    code, out = run("gcc", "-fanalyzer", *DEPTH, "-O2", "-Werror", "-fdiagnostics-plain-output", *off, *FLAGS, "-c", path,
                    "-o", os.devnull)
    return code, "\n".join(line for line in out.splitlines() if ": note: (" not in line)


MARK = re.compile(r"NOLINT(?:BEGIN|END|NEXTLINE)?\b|cppcheck-suppress(?:-\w+)?\b|ANALYZER-OFF\b")
REASONED = re.compile(r"NOLINTEND\([\w.,*-]+\)|"
                      r"(?:(?:NOLINT(?:BEGIN|NEXTLINE)?|ANALYZER-OFF)\([\w.,-]+\)|cppcheck-suppress(?:-\w+)? [\w\[\],]+): *[^\s*]")


def unreasoned():
    code, out = run("git", "ls-files", "*.c", "*.h")
    problems = [] if code == 0 and out else ["git ls-files failed"]
    for path in out.split():
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if len(MARK.findall(line)) != len(REASONED.findall(line)):
                    problems.append(f"{path}:{number}: no check or no reason: {line.strip()}")
    with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as f:
        body = f.read()
    for check in re.findall(r"^  -([\w.-]+)", body, re.M):
        if not re.search(rf"^#   {re.escape(check)}\s+\S", body, re.M):
            problems.append(f".clang-tidy: {check} is left out without a reason")
    return problems


os.chdir(ROOT)
report("cppcheck", *run("cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
                        "--error-exitcode=1", f"-j{JOBS}", "-D_GNU_SOURCE", *features(), "-Iinclude", "-Isrc", "src", "cli"))
sources = sorted(glob.glob("src/*/*.c") + glob.glob("cli/*.c"))
report(f"clang-tidy over {len(sources)} files", *each(sources, os.cpu_count(), tidy))
report(f"gcc -fanalyzer over {len(sources)} files", *each(sources, JOBS, gcc))
lacking = unreasoned()
report("every suppression says why", lacking, "\n".join(lacking))
print(f"1..{count}")
