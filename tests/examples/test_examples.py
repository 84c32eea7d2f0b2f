#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples run and say what their comments promise; one is built as a stranger would, against an installation."""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1])
count = 0


def report(name, ok, seen=""):
    global count
    count += 1
    if not ok:
        print("# " + repr(seen))
    print(f"{'ok' if ok else 'not ok'} {count} - {name}", flush=True)


def run(*command, **options):
    p = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    return p.returncode, p.stdout + p.stderr


def example(name, *args, cwd=None, says=()):
    code, out = run(os.path.join(BUILD, "examples", name), *args, cwd=cwd)
    report(name, code == 0 and all(s in out for s in says), (code, out))


def installed():
    """pkg-config, header, shared and static library of `meson install` are enough to build a program."""
    with tempfile.TemporaryDirectory() as d:
        code, out = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", d)
        if code:
            return report("install", False, out)
        pc = [at for at, _, files in os.walk(d) if "snug.pc" in files]
        env = dict(os.environ, PKG_CONFIG_PATH=pc[0], PKG_CONFIG_SYSROOT_DIR=d)
        _, flags = run("pkg-config", "--cflags", "--libs", "snug", env=env)
        exe = os.path.join(d, "hello")
        code, out = run("gcc", "-std=c11", os.path.join(ROOT, "examples", "hello.c"), *flags.split(), "-o", exe)
        if code:
            return report("build with pkg-config", False, (flags, out))
        lib = os.path.join(d, os.path.relpath(os.path.dirname(pc[0]), "/")) if pc[0].startswith("//") else os.path.dirname(pc[0])
        code, out = run(exe, cwd=os.path.join(BUILD, "guests"), env=dict(os.environ, LD_LIBRARY_PATH=lib))
        report("a program built against the installation", code == 0 and "stopped: halt" in out, (code, out))
        there = {os.path.relpath(os.path.join(at, f), d) for at, _, files in os.walk(d) for f in files}
        wanted = ["bin/snug", "include/snug.h", "include/snug/guest.h", "man1/snug.1", "man1/snug-run.1",
                  "completions/snug", "site-functions/_snug", "libsnug.a", "libsnug.so.0"]
        missing = [w for w in wanted if not any(t.endswith(w) or w in t for t in there)]
        report("what an installation holds", not missing, missing)


example("hello", cwd=os.path.join(BUILD, "guests"), says=("Hello from the guest!\n", "stopped: halt"))
example("custom_device", says=("11 writes, sum 100",))
example("two_vms", says=("= 55",))
example("hypercalls", os.path.join(BUILD, "examples", "hypercalls_guest.elf"),
        says=("asking: 14\n", "holds \"in guest memory\"", "0xdead0000 is not guest memory", "guest: all is well"))
example("calls", cwd=os.path.join(BUILD, "guests"), says=("1000 calls, the last gave 42\n",))
installed()
print(f"1..{count}")
