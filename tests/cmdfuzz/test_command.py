#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fuzzes the command: random words of all verbs on damaged files.

usage: tests/cmdfuzz/test_command.py BUILD [--time SECONDS] [--seed N] [--only CASE]

Case n of a seed is always the same.  One fails by a death by a signal, a sanitizer's report, a status its verb does not
have, an error without a message, a file left behind, half a result, or a run that does not end.  Of one that failed the
command is printed and its files are kept under BUILD/finds/command.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))
import guests  # noqa: E402
import tap  # noqa: E402

# The argument of those --help only names.
RARE = {"--no-host-hints": None, "--load": "ADDR", "--entry": "ADDR", "--stack": "ADDR", "--stream": None, "--dumpable": None,
        "--kvm": "PATH", "--cpu": "CPU"}
HANG = 30  # seconds; a run that is asked for ends by --timeout, far sooner
ERRORS = (125, 126, 127)
# Statuses besides the guest's own, which may be any.
OWN = {"run": {0, 123, 124, *ERRORS}, "restore": {0, 123, 124, *ERRORS}, "clone": {0, 123, 124, *ERRORS},
       "call": {0, 123, 124, *ERRORS}, "snapshot": {0, 1, *ERRORS}, "check": {0, 1, 125}, "demo": {0, 1, 125}}
HAS_GUEST = ("run", "restore", "clone", "call")
VALUES = {
    "KIND": ["flat", "elf", "firmware", "linux", "pvh", "multiboot", "x", ""],
    "MODE": ["real", "protected", "paged32", "long", "user", "reset", "longer", ""],
    "SIZE": ["1M", "2M", "16M", "64M", "4K", "0", "5000", "-1", "1T", "99999999999999999999", "0x1000", "", "1.5G"],
    "N": ["0", "1", "2", "3", "8", "-1", "1.5", "5000000000", "x", ""],
    "ADDR": ["0", "0x1000", "0x7c00", "0x100000", "0xfffff", "0x1000000", "0xfef00000", "0xffffffffffffffff", "-4", "0x",
             "18446744073709551616", "4096", "0xfffffff0", "x"],
    "SECONDS": ["0.01", "0.1", "0.3", "0", "-1", "1s", "1e3", "0.0000000001", "99999999999", ""],
    # a good one waits for a debugger, as it should
    "WHERE": ["tcp:99999", "tcp:x", "unix:", "unix:/nonexistent/s", "pipe:1", "", "tcp:-1", "unix:" + "s" * 200],
    "FILE": ["one.out", "two.out", "one.out", "two.out", "/nonexistent/x", ".", "/dev/full", "/dev/null", "", "image"],
    "PATH": ["/dev/kvm", "/dev/kvm", "/dev/null", "/nonexistent", "image", "."],
    "HOW": ["on", "off", "strict", "maybe", ""],
    "CPU": ["host", "baseline", "host,-sse4_2", "baseline,+avx", "host,+nosuch", "x", ",", "host,-fxsr,-lm", ""],
    "CMD": ["true", "exit 3", "echo '", "x" * 5000, ""],
    "DIR": [".", "/nonexistent", "image", ""],
    "TEXT": ["quiet", "a=b c", "x" * 70000, "\x1b[2J", ""],
}
# How many of each, from the first on, are good; they are drawn more often.
GOOD = {"KIND": 6, "MODE": 6, "SIZE": 4, "N": 0, "ADDR": 6, "SECONDS": 3, "WHERE": 0, "FILE": 4, "PATH": 2, "HOW": 3, "CPU": 3, "CMD": 2, "DIR": 1, "TEXT": 2}
CALLS = [["add", "40", "2"], ["upper", "io:hello", "5"], ["crash"], ["forever"], ["greet", "s:you"], ["sort", "io:@image", "4"],
         ["fnv1a", "@image"], ["mean", "o:64", "8", "o:8"], ["nobody"], ["main", "-1"], ["crc32", "@/dev/zero"],
         ["mandelbrot", "o:4096", "32", "32", "1", "100"], ["words", "s:" + "a b " * 50], []]
WORDS = ["0x10", "-9223372036854775809", "s:", "o:99999999999", "o:-1", "io:", "@", "@nosuch", "io:@.", "@image", "o:0", "--",
         "\x1b[2J", "\udcff", "%n%s", "x" * 5000]


def run(words, folder, most=None):
    """Status (None: it hangs), stderr.  most: no file may grow above so many bytes, as on a full disk."""
    def limit():
        if most:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    env = dict(os.environ, LC_ALL="C", ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:exitcode=99",
               UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:exitcode=99", TMPDIR=folder)
    try:
        p = subprocess.run([tap.SNUG, *words], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, timeout=HANG, check=False,
                           preexec_fn=limit if most else None, restore_signals=not most)  # SIGXFSZ stays ignored: EFBIG
        return p.returncode, p.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        return None, (e.stderr or b"").decode("utf-8", "replace")


def options(verb):
    """The option table, as --help shows it: (names, argument or None)."""
    text = subprocess.run([tap.SNUG, verb, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = re.findall(r"^  (--[\w-]+)(?:, (-\w))?(?: ([A-Z][A-Z]*))?(?: |$)", text, re.M)
    rare = re.search(r"^  and, see the man page:(.*)", text, re.M)
    rare = [(name, "", RARE[name]) for name in re.findall(r"--[\w-]+", rare.group(1))] if rare else []
    return [([n for n in f[:2] if n], f[2] or None) for f in found + rare if f[0] != "--help"]


def originals():
    """Files of every sort the command reads: name to bytes."""
    files = {"spoken": guests.say("hello") + guests.exit_call(3), "loop": guests.LOOP, "ud2": guests.UD2,
             "triple": guests.TRIPLE, "halt": guests.HLT, "reset": guests.RESET_CF9, "empty": b"",
             "marked": guests.mark("ready") + guests.say("on") + guests.exit_call(5)}
    files["elf64"] = tap.elf64([(0x100000, files["spoken"], 0x1000), (0x200000, guests.UD2, 0x3000)])
    files["elf32"] = tap.elf32([(0x100000, files["marked"], 0x1000)])
    boot = bytearray(512)
    boot[:len(guests.say("boot"))], boot[60:61], boot[510:] = guests.say("boot"), guests.HLT, b"\x55\xaa"
    files["boot"] = bytes(boot)
    rom = bytearray(65536)
    rom[0:64], rom[0xfff0:0xfff3] = (guests.say("rom") + guests.HLT).ljust(64, b"\xf4"), b"\xe9\x0d\x00"
    files["firmware"] = bytes(rom)
    files["bzimage"] = guests.bzimage(b"\xb0\xfe\xe6\x64\xf4")  # it resets at once
    for name in ("hello.bin", "hello64.elf", "marks.elf", "ready.elf", "functions.elf", "demo_real.bin"):
        with open(os.path.join(tap.BUILD, "guests", name), "rb") as f:
            files[name] = f.read()
    for name, words in {"ready.snap": [os.path.join(tap.BUILD, "guests", "ready.elf")],
                        "functions.snap": [os.path.join(tap.BUILD, "guests", "functions.elf")]}.items():
        with tempfile.TemporaryDirectory() as folder:
            run(["run", "--timeout", "20", "--mem", "2M", "--save", "s", *words], folder)
            if os.path.exists(os.path.join(folder, "s")):
                with open(os.path.join(folder, "s"), "rb") as f:
                    files[name] = f.read()
    return files


def damage(rng, data, others):
    data = bytearray(data)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1):]
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        near = min(len(data), rng.choice((64, 512, 4096, 1 << 30)))
        at, what = rng.randrange(near + 1), rng.randrange(9)
        if what <= 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 2 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 3:
            value = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1 << 63, (1 << 64) - 1, 0xFFFFFFFFFFFFF000, 0x1000))
            data[at:at + 8] = value.to_bytes(8, "little")[:max(0, min(8, len(data) - at))]
        elif what == 4:
            del data[rng.randrange(len(data) + 1):]
        elif what == 5:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            data[at:at + rng.choice((0, 64, 4096))] = other[start:start + rng.choice((16, 512, 8192))]
        elif what <= 7 and at < len(data):
            data[at] = (data[at] + rng.choice((-2, -1, 1, 2, 16))) & 0xFF
        else:
            data[at:at] = bytes([rng.randrange(256)]) * rng.choice((1, 8, 4096))
    return bytes(data)


def pick_value(rng, arg):
    return rng.choice(VALUES[arg][:GOOD[arg]] if GOOD[arg] and rng.random() < 0.85 else VALUES[arg])


def pick_options(rng, table):
    words = []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        names, arg = rng.choice(table)
        name = rng.choice(names)
        if arg == "WHERE" and rng.random() < 0.8:
            continue
        if rng.random() < 0.02:
            name = name[:-1] + rng.choice(("", "x", "="))
        if not arg or rng.random() < 0.02:
            words.append(name)
        elif rng.random() < 0.3 and name.startswith("--"):
            words.append(name + "=" + pick_value(rng, arg))
        else:
            words += [name, pick_value(rng, arg)]
    return words


class Case:
    def __init__(self, seed, number, files, tables):
        self.rng = rng = random.Random(f"{seed}/{number}")
        self.verb = rng.choice(["run"] * 6 + ["restore"] * 3 + ["call"] * 4 + ["clone", "snapshot", "snapshot", "check", "demo"])
        snapshots = [n for n in files if n.endswith(".snap")]
        likely = {"run": [n for n in files if n not in snapshots], "call": ["functions.elf", *snapshots, "functions.elf"],
                  "check": ["halt"], "demo": ["halt"]}.get(self.verb, snapshots) or list(files)
        name = rng.choice(likely if rng.random() < 0.95 else sorted(files))
        self.image = damage(rng, files[name], list(files.values()))
        table = tables[self.verb if rng.random() < 0.97 else "run"]
        words = pick_options(rng, table)
        asked = [w.split("=")[0] for w in words]
        if self.verb == "run" and "." not in name and "elf" not in name and "--mode" not in asked and rng.random() < 0.8:
            words += ["--as", "firmware"] if name == "firmware" else ["--mode", rng.choice(("real", "protected", "long", "user"))]
        if self.verb in HAS_GUEST and "--timeout" not in asked:
            words += ["--timeout", "0.3"]
        if self.verb == "clone" and rng.random() < 0.9 and not {"-n", "--count"} & set(asked):
            words += ["-n", rng.choice(("1", "2", "5"))]
        self.words = [rng.choice(("run", "nosuch", "help", "--version"))] if rng.random() < 0.01 else [self.verb]
        self.words += (["info"] if self.verb == "snapshot" and rng.random() < 0.98 else [])
        tail = ["image"] if self.verb not in ("check", "demo") and rng.random() < 0.98 else []
        if self.verb == "call" and "--list" not in asked:
            tail += rng.choice(CALLS)
        if rng.random() < 0.1 or (self.verb == "call" and rng.random() < 0.3):
            tail.insert(rng.randrange(len(tail) + 1), rng.choice(WORDS))
        self.words += words + tail if rng.random() < 0.8 else tail + words
        self.operands = tail
        self.most = rng.choice((1, 100, 4096, 65536)) if rng.random() < 0.1 else None

    def problems(self, folder):
        path = os.path.join(folder, "image")
        with open(path, "wb") as f:
            f.write(self.image)
        os.chmod(path, 0o600)
        status, err = run(self.words, folder, self.most)
        return list(self.judge(folder, path, status, err)), status, err

    def judge(self, folder, path, status, err):
        if status is None:
            yield "it hangs"
            return
        if "Sanitizer" in err or "runtime error:" in err:
            yield "a sanitizer reports"
        if status < 0:
            yield f"it died by signal {-status}"
        verb = self.words[0]
        if verb in OWN and status not in OWN[verb] and verb not in HAS_GUEST:
            yield f"status {status}, which 'snug {verb}' does not have"
        if status in (123, 124, *ERRORS) and "snug: " not in err and not self.guests_own(folder):
            yield f"status {status} without a message"
        allowed = {"image"} | {n for n in VALUES["FILE"] if n.endswith(".out")}
        left = set(os.listdir(folder)) - allowed
        if left:
            yield f"left behind: {sorted(left)}"
        if "image" not in self.operands:  # then it may be asked for as a result
            pass
        elif not os.path.isfile(path):
            yield "its image is gone"
        else:
            with open(path, "rb") as f:
                if f.read() != self.image:
                    yield "its image is another"
        yield from self.half_results(folder)

    def guests_own(self, folder):
        """A guest may end with any status, that of an error too: --verbose says who it was."""
        if self.words[0] not in HAS_GUEST:
            return False
        _, err = run([self.words[0], "--verbose", *self.words[1:]], folder)
        return "ended by exit status" in err

    def half_results(self, folder):
        last = {}  # of an option given twice the last one counts
        for word, after in zip(self.words, [*self.words[1:], ""]):
            option, equals, value = word.partition("=")
            last[option] = value if equals else after
        for option in ("--json", "--trace"):
            where = os.path.join(folder, last.get(option, ""))
            if not where.endswith(".out") or not os.path.isfile(where):
                continue
            try:
                with open(where, encoding="utf-8") as f:
                    json.load(f)
            except ValueError as e:
                yield f"{option} wrote what is no JSON: {e}"


def keep(case, number, folder, found, status, err):
    finds = os.path.join(tap.BUILD, "finds", "command", f"case-{number}")
    shutil.rmtree(finds, ignore_errors=True)
    shutil.copytree(folder, finds)
    print(f"# case {number}: {'; '.join(found)}\n#   {[tap.SNUG, *case.words]}, files of at most {case.most} bytes\n#   in {finds}, status {status}")
    for line in err.splitlines()[:60]:
        print(f"#   {line}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--time", type=float, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    args = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("1..1\nok 1 # SKIP fuzzing the command: /dev/kvm does not open")
        return 0
    files, tables = originals(), {v: options(v) for v in OWN}
    number, failed, statuses, end = args.only or 0, 0, {}, time.monotonic() + args.time
    while time.monotonic() < end and failed < 20:
        case = Case(args.seed, number, files, tables)
        with tempfile.TemporaryDirectory(prefix="snug-cmdfuzz-") as folder:
            found, status, err = case.problems(folder)
            if found:
                failed += 1
                keep(case, number, folder, found, status, err)
        statuses[(case.verb, status)] = statuses.get((case.verb, status), 0) + 1
        number += 1
        if args.only is not None:
            break
    for verb in OWN:
        print(f"# {verb}: " + ", ".join(f"{n} times {s}" for (v, s), n in sorted(statuses.items(), key=str) if v == verb))
    print(f"# seed {args.seed}: cases {args.only or 0} to {number - 1}, {failed} failed")
    print(f"1..1\n{'not ok' if failed or not number else 'ok'} 1 - {sum(statuses.values())} command lines")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
