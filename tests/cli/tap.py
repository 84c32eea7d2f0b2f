# SPDX-License-Identifier: MIT
"""What the tests of the command share: running it, small images, and TAP output.

A test file holds functions test_NAME and ends with tap.main(globals()).  A function fails by an exception, most often
of assert, and skips by tap.skip(reason).
"""
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
SNUG = os.path.join(BUILD, "snug")
FOLDER = tempfile.mkdtemp(prefix="snug-cli-")
LIMIT = 60

# A shell, or nohup, starts what runs in the background with these ignored, and programs inherit that: here they are to end them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Skip(Exception):
    pass


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out[-3000:]!r}\n--- stderr\n{self.err}"


def skip(reason):
    raise Skip(reason)


def snug(*args, prefix=(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more):
    """Runs the command; stdout comes back as bytes, stderr as text."""
    p = subprocess.run([*prefix, SNUG, *args], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=LIMIT,
                       cwd=FOLDER, **more)
    r = Result(p.returncode, p.stdout or b"", p.stderr.decode("utf-8", "replace"))
    assert "Sanitizer" not in r.err and "runtime error" not in r.err, r
    return r


def expect(r, status, *texts):
    """The status, and each text on stderr."""
    assert r.status == status, r
    for t in texts:
        assert t in r.err, (t, r)
    return r


def narrow(text, columns=100):
    for line in text.splitlines():
        assert len(line) <= columns, (len(line), line)


def path(name):
    return os.path.join(FOLDER, name)


def image(name, data):
    with open(path(name), "wb") as f:
        f.write(bytes(data))
    return path(name)


def elf64(segments, entry=0x100000, machine=62, body=b""):
    """An ELF64 file of (vaddr, bytes, memsz) segments; see the ELF specification, chapters 4 and 5."""
    offset = 64 + 56 * len(segments)
    head = struct.pack("<4sBBBBB7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, machine, 1, entry, 64, 0, 0, 64, 56,
                       len(segments), 0, 0, 0)
    table, data = b"", b""
    for vaddr, code, memsz in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, offset + len(data), vaddr, vaddr, len(code), memsz, 1)
        data += code
    return head + table + data + body


def elf32(segments, entry=0x100000, machine=3):
    offset = 52 + 32 * len(segments)
    head = struct.pack("<4sBBBBB7xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 0, 2, machine, 1, entry, 52, 0, 0, 52, 32,
                       len(segments), 0, 0, 0)
    table, data = b"", b""
    for vaddr, code, memsz in segments:
        table += struct.pack("<IIIIIIII", 1, offset + len(data), vaddr, vaddr, len(code), memsz, 7, 1)
        data += code
    return head + table + data


def is_root():
    return os.geteuid() == 0


# Runs a command as nobody, for files that root could read anyway.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def as_nobody():
    """The prefix that takes permissions away; the folder is opened for it."""
    if not is_root():
        return ()
    if not shutil.which("setpriv"):
        skip("setpriv is missing")
    os.chmod(FOLDER, 0o755)
    if subprocess.run([*NOBODY, SNUG, "--version"], capture_output=True).returncode != 0:
        skip("nobody cannot reach the build directory")
    return NOBODY


def main(names):
    tests = [(n[5:].replace("_", " "), f) for n, f in names.items() if n.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for i, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {i} - {name}")
        except Skip as s:
            print(f"ok {i} - {name} # SKIP {s}")
        except Exception:
            failed += 1
            print(f"not ok {i} - {name}")
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        sys.stdout.flush()
    shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(1 if failed else 0)
