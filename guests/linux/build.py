#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the small guest kernel from Debian's linux-source-6.12, once per machine.

usage: build.py [--config FILE]

It is kept in ${XDG_CACHE_HOME:-~/.cache}/snug, under a name that goes by the configuration, the source and this script; beside
it are its vmlinux with symbols, for gdb, and its .config.  The last line of stdout is the path of the bzImage.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path("/usr/src/linux-source-6.12.tar.xz")
NAME = "small-6.12"


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "snug"


def source_version():
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "linux-source-6.12"], capture_output=True, text=True)
    if done.returncode or not SOURCE.exists():
        sys.exit("build.py: linux-source-6.12 is not installed: make guest-kernel installs it")
    return done.stdout


def key(config):
    parts = [config, source_version().encode(), pathlib.Path(__file__).read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def run(log, where, *command):
    """One step; what it printed is shown only if it failed."""
    env = dict(os.environ, KBUILD_BUILD_TIMESTAMP="2026-01-01", KBUILD_BUILD_USER="snug", KBUILD_BUILD_HOST="snug", LC_ALL="C")
    with open(log, "a") as out:
        done = subprocess.run(command, cwd=where, env=env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        say("".join(open(log).readlines()[-30:]))
        raise SystemExit(f"build.py: {' '.join(command)}: status {done.returncode}")


def check_config(wanted, made):
    """Kconfig drops quietly what it does not know or what something else rules out."""
    have = set(made.read_text().splitlines())
    for line in wanted.decode().splitlines():
        off = line.startswith("# CONFIG_") and line.endswith(" is not set")
        name = line.split()[1] if off else line.split("=")[0]
        there = any(h.startswith(name + "=") for h in have) if off else False
        if (line.startswith("CONFIG_") and line not in have) or there:
            raise SystemExit(f"build.py: {line!r} did not get into the configuration")


def build(config, work):
    log = work / "log"
    start = time.time()
    say(f"building the guest kernel, some minutes, once: {cache()}")
    run(log, work, "tar", "xf", str(SOURCE))
    tree = next(work.glob("linux-source-*"))
    (tree / "arch/x86/configs/snug_defconfig").write_bytes(config)
    run(log, tree, "make", "snug_defconfig")
    check_config(config, tree / ".config")
    run(log, tree, "make", f"-j{os.cpu_count() or 1}", "bzImage")
    made = work / "made"
    made.mkdir()
    for name in ("arch/x86/boot/bzImage", "vmlinux", ".config"):
        shutil.copy(tree / name, made / name.split("/")[-1].lstrip("."))
    say(f"built the guest kernel in {time.time() - start:.0f} s")
    return made


def main():
    config = pathlib.Path(sys.argv[2] if sys.argv[1:2] == ["--config"] else HERE / f"{NAME}.defconfig").read_bytes()
    folder = cache() / f"{NAME}-{key(config)}"
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bzImage").exists():
            with tempfile.TemporaryDirectory(prefix="building-", dir=cache()) as work:
                made = build(config, pathlib.Path(work))
                shutil.rmtree(folder, ignore_errors=True)
                made.rename(folder)
    print(folder / "bzImage")


if __name__ == "__main__":
    main()
