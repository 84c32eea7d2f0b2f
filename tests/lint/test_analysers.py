#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cppcheck and clang-tidy over the library and the command, clean."""
import concurrent.futures
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-DSNUG_HAVE_ZYDIS", "-Iinclude", "-Isrc", "-Icli"]


def run(*command):
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


def report(number, name, code, out):
    if code:
        print("\n".join("# " + line for line in out.splitlines()[:60]))
    print(f"{'not ok' if code else 'ok'} {number} - {name}", flush=True)


def tidy(files):
    # Each file by itself: what the analyser finds in one must not hang on what it read before.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda f: run("clang-tidy", "--quiet", "--warnings-as-errors=*", f, "--", *FLAGS), files))
    return max(code for code, _ in done), "\n".join(out for code, out in done if code)


os.chdir(ROOT)
code, out = run("cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
                "--error-exitcode=1", "--suppress=missingIncludeSystem", "-j2", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", "src",
                "cli")
report(1, "cppcheck", code, out)
files = sorted(glob.glob("src/*/*.c") + glob.glob("cli/*.c"))
code, out = tidy(files)
report(2, f"clang-tidy over {len(files)} files", code or (0 if files else 1), out)
print("1..2")
sys.exit(0)
