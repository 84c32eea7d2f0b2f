#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What makes a bug harder to use is in the files that were built: the command, the shared library, every object in them.

The first row builds programs without any of it, and wants each check to say so.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build")
count = 0


def result(name, problems, skip=""):
    global count
    count += 1
    for p in problems[:20]:
        print(f"# {p}")
    print(f"{'not ok' if problems else 'ok'} {count} - {name}{' # SKIP ' + skip if skip and not problems else ''}", flush=True)


def run(*command):
    p = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
    if p.returncode:
        print(f"# {' '.join(command)[:200]}: {p.stderr.strip()[:400]}")
    return p.stdout


class Linked:
    """What readelf tells of a program or a shared library, and of the objects it was linked from."""

    def __init__(self, path, inputs, library=False):
        self.library = library
        objects = [name for name in inputs if name.endswith(".o")]
        self.archives = [name for name in inputs if name.endswith(".a")]
        self.header = run("readelf", "-hW", path)
        self.segments = re.findall(r"^  ([A-Z_]+) +(?:0x\w+ +){5}([RWE ]{3}) +0x", run("readelf", "-lW", path), re.M)
        self.dynamic = run("readelf", "-dW", path)
        self.note = run("readelf", "-nW", path)
        self.units = re.findall(r"DW_AT_producer.*: (GNU C\d.*)", run("readelf", "-wi", "--dwarf-depth=1", path))
        self.objects = {}
        for told in re.split(r"^File: ", run("readelf", "-nSsW", *objects, *objects[:1]), flags=re.M)[1:]:
            self.objects[told.split("\n", 1)[0]] = told
        # A static program has libc's own uses of these in it, so that only its objects can tell.
        wanted = run("readelf", "--dyn-syms", "-W", path) if library else "".join(self.objects.values())
        self.wanted = set(re.findall(r" UND (\w+)", wanted))


def position_independent(f):
    there = re.search(r"Type: +DYN", f.header) and (f.library or re.search(r"FLAGS_1.*\bPIE\b", f.dynamic))
    return [] if there else ["no position independent code: DYN, and the flag PIE for a program"]


def relro(f):
    return ([] if any(kind == "GNU_RELRO" for kind, _ in f.segments) else ["no segment GNU_RELRO"]) + \
           ([] if "BIND_NOW" in f.dynamic or re.search(r"FLAGS_1.*\bNOW\b", f.dynamic) else ["neither BIND_NOW nor NOW"])


def stack(f):
    flags = [flags for kind, flags in f.segments if kind == "GNU_STACK"]
    return ([] if flags and "E" not in flags[0] else [f"GNU_STACK is {flags[0] if flags else 'missing'}"]) + \
        [f"{name} has no .note.GNU-stack" for name, told in f.objects.items() if ".note.GNU-stack" not in told]


def writable_or_executable(f):
    return [f"segment {kind} is {flags}" for kind, flags in f.segments
            if kind != "GNU_STACK" and "W" in flags and "E" in flags] + ([] if f.segments else ["no segments"])


def no_text_relocations(f):
    return ["TEXTREL"] if "TEXTREL" in f.dynamic else []


def no_search_path(f):
    return re.findall(r"\((?:RPATH|RUNPATH)\).*", f.dynamic)


def stack_protector(f):
    return lacking(f, "-fstack-protector-strong") or \
        ([] if "__stack_chk_fail" in f.wanted else ["nobody calls __stack_chk_fail"])


def stack_clash(f):
    return lacking(f, "-fstack-clash-protection")


def zeroed_variables(f):
    return lacking(f, "-ftrivial-auto-var-init=zero")


def fortify(f):
    there = sorted(s for s in f.wanted if re.fullmatch(r"__\w+_chk", s))
    return [] if there else ["nobody calls a function that ends in _chk"]


def cet_objects(f):
    return [f"{name} has no note for IBT and SHSTK" for name, told in sorted(f.objects.items())
            if not re.search(r"x86 feature: IBT, SHSTK", told)] + ([] if f.objects else ["no objects"])


def cet_linked(f):
    return [] if re.search(r"x86 feature: IBT, SHSTK", f.note) else ["no note for IBT and SHSTK"]


def lacking(f, option):
    """gcc writes into debug information which of these a unit was compiled with."""
    return [f"a unit was compiled without {option}: {unit}" for unit in f.units if option not in unit]


CHECKS = [position_independent, relro, stack, writable_or_executable, no_text_relocations, no_search_path, stack_protector,
          stack_clash, zeroed_variables, fortify, cet_objects, cet_linked]


def skipped(check, f):
    if check in (stack_clash, zeroed_variables) and not f.units:
        return "the compiler does not write its options into debug information, or there is none"
    if check == cet_linked and cet_linked(f):
        return strangers(f)
    return ""


def strangers(f):
    """The linker leaves the note out where one input lacks it: those that are not ours and do."""
    files = [run("gcc", "-print-file-name=" + name).strip()
             for name in ["crti.o", "crtn.o"] + ([] if f.library else ["rcrt1.o", "libc.a"])] + f.archives
    lack = [os.path.basename(path) for path in files
            if os.path.isabs(path) and "x86 feature: IBT, SHSTK" not in run("readelf", "-nW", path)]
    return f"{', '.join(lack)} of this system lack IBT and SHSTK, so that the linker leaves them out" if lack else ""


NOTHING = r"""
#include <string.h>
char to[8];
int main(int argc, char **argv) { char b[64]; strcpy(b, argv[0]); memcpy(to, b, argc); return to[0]; }
"""
# Code with an absolute address in it, and a section that can be written and executed.
WORSE = r"""
extern int elsewhere;
__asm__(".text\n.quad elsewhere\n.section .both, \"awx\"\n.byte 0\n.text");
"""


def can_fail():
    off = ["-O2", "-g", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fno-stack-clash-protection", "-fcf-protection=none"]
    said = set()
    with tempfile.TemporaryDirectory() as at:
        for name, source, compile_as, link_as, library in (
                ("nothing", NOTHING, ["-fno-pie"], ["-no-pie", "-Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/nowhere"], False),
                ("worse", WORSE, ["-fno-pic"], ["-shared", "-Wl,-z,notext"], True)):
            path = os.path.join(at, name)
            with open(path + ".c", "w", encoding="utf-8") as f:
                f.write(source)
            run("gcc", *off, *compile_as, "-c", path + ".c", "-o", path + ".o")
            run("gcc", path + ".o", *link_as, "-o", path)
            bad = Linked(path, [path + ".o"], library)
            said |= {check for check in CHECKS if check(bad)}
    return [f"{check.__name__} finds nothing where there is nothing" for check in CHECKS if check not in said]


def linked_from(target):
    """The objects and archives of a target, as ninja links it."""
    with open(os.path.join(BUILD, "build.ninja"), encoding="utf-8") as f:
        m = re.search(rf"^build {re.escape(target)}: (.*)", f.read(), re.M)
    return m.group(1).split() if m else []


def seen_by_faults():
    """_FORTIFY_SOURCE gives functions other names, past the wrappers of tests/fault, which then make nothing fail."""
    with open(os.path.join(ROOT, "tests", "fault", "meson.build"), encoding="utf-8") as f:
        wrapped = set(re.findall(r"'(\w+)'", f.read()))
    used = set(re.findall(r"^\s+U (\w+)", run("nm", "-u", "libsnug.a"), re.M))
    return [f"{s} is called: wrap it in tests/fault too" for s in sorted(used)
            for m in [re.fullmatch(r"__(\w+?)(?:_chk|_2)", s)] if m and m.group(1) in wrapped and s not in wrapped]


result("every check can fail", can_fail())
library = os.path.basename(os.path.realpath(os.path.join(BUILD, "libsnug.so")))
for title, linked in (("snug", Linked("snug", linked_from("snug"))),
                      ("libsnug.so", Linked("libsnug.so", linked_from(library), library=True))):
    for check in CHECKS:
        why = skipped(check, linked)
        result(f"{title}: {check.__name__}", [] if why else check(linked), why)
result("fault walk: seen_by_faults", seen_by_faults())
print(f"1..{count}")
