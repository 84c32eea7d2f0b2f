#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the tree: floors, sizes, symbols, no mutable globals, headers that stand alone, formatting."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build")

# Floor of each folder of src/; what stands on one floor does not see its neighbours.
FLOORS = {"base": 0, "host": 1, "guest": 2, "x86": 3, "dev": 4, "load": 4, "table": 4, "core": 5, "svc": 6}
MAX_FILE, MAX_FUNCTION = 800, 70
MAX_HEADER = 1600  # include/snug.h, one file by design: it is the documentation of record
count = 0


def result(name, problems):
    global count
    count += 1
    for p in problems[:40]:
        print(f"# {p}")
    print(f"{'not ok' if problems else 'ok'} {count} - {name}", flush=True)


def sources(*folders, ends=(".c", ".h")):
    for folder in folders:
        for at, _, files in os.walk(os.path.join(ROOT, folder)):
            for f in sorted(files):
                if f.endswith(ends):
                    yield os.path.relpath(os.path.join(at, f), ROOT)


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def run(*command, stdin=""):
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=stdin)
    return p.returncode, p.stdout + p.stderr


def floors():
    problems = []
    for path in sources("src"):
        folder = path.split("/")[1]
        if folder not in FLOORS:
            problems.append(f"{path}: no floor for {folder}/")
            continue
        for inc in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text(path), re.M):
            other = inc.split("/")[0]
            if other not in FLOORS or (other != folder and FLOORS[other] >= FLOORS[folder]):
                problems.append(f"{path}: includes {inc}, which is not below it")
        if folder != "host" and re.search(r"\bioctl\s*\(", text(path)):
            problems.append(f"{path}: issues an ioctl; only host/kvm.c does")
    for path in sources("cli", "examples"):
        for inc in re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', text(path), re.M):
            if "/" in inc and inc.split("/")[0] in FLOORS:
                problems.append(f"{path}: includes {inc}; it may see snug.h alone")
    return problems


def function_lengths(path):
    """(name, lines) of each function: a body that opens in column 0."""
    name, opened = None, 0
    for number, line in enumerate(text(path).splitlines(), 1):
        m = re.match(r"^[A-Za-z_].*?\b(\w+)\(", line)
        if m and not opened:
            name = m.group(1)
        if line == "{":
            opened = number
        elif line.startswith("}") and opened:
            yield name, number - opened + 1
            opened = 0


def sizes():
    problems = []
    for path in sources("src", "cli", "include", "tests", "bench", "examples", "guests", "proofs"):
        lines = text(path).count("\n")
        limit = MAX_HEADER if path == "include/snug.h" else MAX_FILE
        if lines > limit:
            problems.append(f"{path}: {lines} lines, at most {limit}")
        for name, length in function_lengths(path):
            if length > MAX_FUNCTION:
                problems.append(f"{path}: {name}() has {length} lines, at most {MAX_FUNCTION}")
    return problems


def exported():
    """Every function of snug.h is exported, and nothing else is."""
    header = re.sub(r"/\*.*?\*/", "", text("include/snug.h"), flags=re.S)
    declared = set(re.findall(r"\b(snug_\w+)\(", header)) - set(re.findall(r"\(\*(snug_\w+)", header))
    code, out = run("nm", "-D", "--defined-only", os.path.join(BUILD, "libsnug.so"))
    there = {line.split()[2].split("@")[0] for line in out.splitlines() if len(line.split()) == 3}
    return ([f"nm failed: {out}"] if code else []) + [f"declared, not exported: {s}" for s in sorted(declared - there)] + \
           [f"exported, not declared: {s}" for s in sorted(there - declared)]


def soname():
    _, out = run("readelf", "-d", os.path.join(BUILD, "libsnug.so"))
    return [] if re.search(r"SONAME.*\[libsnug\.so\.0\]", out) else ["no soname libsnug.so.0"]


def no_state():
    """No mutable file-scope variable: the object files' writable sections are empty."""
    problems = []
    code, out = run("size", "-A", os.path.join(BUILD, "libsnug.a"))
    member = "?"
    for line in out.splitlines():
        m = re.match(r"^(\S+)\s+\(ex (\S+)\)", line)
        if m:
            member = m.group(1)
        m = re.match(r"^(\.data|\.bss|\.tdata|\.tbss)(\.(?!rel\.ro)\S+)?\s+(\d+)", line)
        if m and int(m.group(3)):
            problems.append(f"{member}: {m.group(3)} bytes in {m.group(1)}{m.group(2) or ''}")
    if code or "snug" not in out:
        problems.append(f"size failed: {out[:200]}")
    return problems


def quiet():
    """The library does not print, exit, abort or install signal handlers."""
    _, out = run("nm", "-u", os.path.join(BUILD, "libsnug.a"))
    banned = {"printf", "puts", "putchar", "fprintf", "vfprintf", "fwrite", "perror", "exit", "_exit", "abort", "signal",
              "sigaction", "stdout", "stderr", "__printf_chk", "__fprintf_chk", "__vprintf_chk", "__vfprintf_chk", "err",
              "errx", "warn", "__assert_fail"}
    used = set(re.findall(r"^\s+U (\S+)", out, re.M))
    return [f"libsnug uses {s}" for s in sorted(used & banned)]


def linked():
    """The linker is told not to warn (see meson.build) and then lets undefined symbols through: the command has none."""
    code, out = run("nm", "-u", os.path.join(BUILD, "snug"))
    return ([f"nm failed: {out}"] if code else []) + [f"build/snug lacks {s}" for s in re.findall(r"^\s+U (\S+)", out, re.M)]


def headers():
    problems = []
    every = [("gcc", "-std=c11", "-x", "c"), ("clang", "-std=c11", "-x", "c"), ("g++", "-std=c++17", "-x", "c++"),
             ("clang++", "-std=c++17", "-x", "c++")]
    for cc in every:
        for h in ["snug.h", "snug/guest.h"]:
            code, out = run(*cc, "-Wall", "-Wextra", "-Werror", "-pedantic", "-Iinclude", "-fsyntax-only", "-",
                            stdin=f"#include <{h}>\nint main(void);\n")
            if code:
                problems.append(f"{cc[0]} {cc[1]} {h}: {out}")
    for h in sources("src", ends=(".h",)):
        code, out = run("gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Iinclude", "-Isrc", "-fsyntax-only",
                        "-x", "c", h)
        if code:
            problems.append(f"{h} does not stand alone: {out}")
    return problems


def documented():
    """Each function of snug.h stands under a comment, alone or in a group."""
    problems, comment, blank = [], False, True
    for number, line in enumerate(text("include/snug.h").splitlines(), 1):
        if line.endswith("*/"):
            comment = True
        elif not line.strip():
            comment = False
        elif re.match(r"^\w.*\bsnug_\w+\(", line) and not line.startswith("#") and not comment:
            problems.append(f"snug.h:{number}: {line.strip()} has no comment")
    return problems


def sandboxed():
    """Each row of the sandbox's table stands in docs/sandbox.md, in its order, with its reason; and nothing else does."""
    table = text("src/svc/sandrules.c").split("snug__sand_rules[] = {")[1].split("snug__sand_rule_count")[0]
    rows = re.findall(r'(?:KVM\((KVM_\w+)|\{SYS_(\w+))[^"]*"([^"]*)"', table)
    want = [("ioctl " + kvm if kvm else call, why) for kvm, call, why in rows]
    seen = [[c.strip() for c in line.split("|")[1:-1]] for line in text("docs/sandbox.md").splitlines()
            if line.count("|") == 6][2:]
    have = [(c[0] if c[0].startswith("ioctl KVM") else c[0].split()[0], c[4]) for c in seen]
    problems = [f"row {n}: {w}, docs/sandbox.md has {h}" for n, (w, h) in enumerate(zip(want, have)) if w != h]
    if len(want) != len(have) or len(want) < 60:
        problems.append(f"{len(want)} rows, {len(have)} in docs/sandbox.md")
    return problems


def formatted():
    files = [f for f in sources("src", "include", "cli", "tests", "bench", "examples", "guests", "proofs")]
    code, out = run("clang-format", "--dry-run", "--Werror", *files)
    return [line for line in out.splitlines() if "error:" in line] or (["clang-format failed"] if code else [])


def words():
    """The project speaks of itself alone; licences are named; no trailing blanks."""
    problems = []
    _, out = run("git", "ls-files")
    for path in out.split():
        try:
            body = text(path)
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        if path.endswith((".c", ".h", ".S", ".py")) and "SPDX-License-Identifier: MIT" not in body[:200]:
            problems.append(f"{path}: no SPDX line")
        for number, line in enumerate(body.splitlines(), 1):
            if line != line.rstrip() and not path.startswith("tests/fuzz/corpus/"):
                problems.append(f"{path}:{number}: trailing blank")
    return problems


for check in (floors, sizes, exported, soname, no_state, quiet, linked, headers, documented, sandboxed, formatted, words):
    result(check.__name__, check())
print(f"1..{count}")
