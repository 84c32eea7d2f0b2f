#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fetches kernels that Debian packages, without installing them: their images, kept in ${XDG_CACHE_HOME:-~/.cache}/snug/debian.

usage: debian.py [6.1 | 6.12 | memtest]...

For each it prints the path of the image, or nothing where the archive has it no more.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

WANTED = {
    "6.1": (r"linux-image-6\.1\.0-\d+-cloud-amd64(-unsigned)?", "boot/vmlinuz-*"),
    "6.12": (r"linux-image-6\.12\.\d+\+\w+-cloud-amd64(-unsigned)?", "boot/vmlinuz-*"),
    "memtest": (r"memtest86\+", "boot/memtest86+x64.bin"),
}


def newest(pattern):
    out = subprocess.run(["apt-cache", "pkgnames"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = [n for n in out.split() if re.fullmatch(pattern, n)]
    return max(names, key=lambda n: ([int(x) for x in re.findall(r"\d+", n)], -len(n)), default=None)


def fetch(kind, cache):
    pattern, image = WANTED[kind]
    folder = cache / kind
    have = sorted(folder.glob(image))
    if have:
        return have[0]
    package = newest(pattern)
    if not package:
        return None
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache) as work:
        done = subprocess.run(["apt-get", "download", "-qq", package], cwd=work, stdout=sys.stderr, stderr=subprocess.DEVNULL)
        debs = list(pathlib.Path(work).glob("*.deb"))
        if done.returncode or not debs:
            return None
        subprocess.run(["dpkg", "-x", str(debs[0]), str(folder)], check=True)
    have = sorted(folder.glob(image))
    return have[0] if have else None


def main():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = pathlib.Path(base) / "snug" / "debian"
    cache.mkdir(parents=True, exist_ok=True)
    for kind in sys.argv[1:] or WANTED:
        path = fetch(kind, cache)
        if path:
            print(path)
        else:
            print(f"debian.py: no package for {kind}", file=sys.stderr)


if __name__ == "__main__":
    main()
