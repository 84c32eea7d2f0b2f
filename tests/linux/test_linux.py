# SPDX-License-Identifier: MIT
"""A Linux kernel in a guest: commands, their output and status, several CPUs, panics, snapshots, the console."""
import gzip
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))
import tap  # noqa: E402
from tap import expect, snug  # noqa: E402

sys.path.insert(0, HERE)
import cpio  # noqa: E402

LIMIT = 240  # a kernel boots in 10 to 40 s on kvm_pvm, by the machine
tap.LIMIT = LIMIT
SLOW = bool(os.environ.get("SNUG_SLOW"))
KERNEL = subprocess.run([sys.executable, os.path.join(ROOT, "guests", "linux", "build.py")], stdout=subprocess.PIPE,
                        check=True, text=True).stdout.split("\n")[-2]


def path(name):
    return os.path.join(tap.FOLDER, name)


def tree():
    """What the guest has as its root: busybox, and the stress program."""
    root = path("tree")
    if not os.path.isdir(root):
        os.makedirs(os.path.join(root, "bin"))
        shutil.copy("/bin/busybox", os.path.join(root, "bin"))
        os.symlink("busybox", os.path.join(root, "bin", "sh"))
        shutil.copy(os.path.join(tap.BUILD, "guests", "linux", "stress"), root)
    return root


def run(command, *options):
    return snug("run", "--kernel", KERNEL, "--initrd-dir", tree(), "--exec", command, *options)


def test_output_status_and_snapshot():
    r = run(r"printf 'a\000b\377\n'; echo wrong >&2; grep -c ^processor /proc/cpuinfo; exit 7", "--save", "one.snug", "--json", "r.json")
    assert r.out == b"a\0b\377\n1\n" and r.err.endswith("wrong\n") and r.status == 7, r
    with open(path("r.json"), encoding="utf-8") as f:
        assert json.load(f)["result"]["status"] == 7
    assert re.search(rb"^devices .* pc$", expect(snug("snapshot", "info", "one.snug"), 0).out, re.M)


def again(command, *options):
    if not os.path.exists(path("one.snug")):
        tap.skip("there is no snapshot")
    return snug("restore", "one.snug", "--exec", command, *options)


def test_commands_in_restored_guests():
    r = again("cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/uuid; date +%s; echo to >&2; exit 9")
    other = again("cat /proc/sys/kernel/random/uuid; false")
    assert r.status == 9 and r.err.endswith("to\n") and other.status == 1, (r, other)
    ids = r.out.split()[:2] + other.out.split()
    assert len(set(ids)) == 3, ids
    assert abs(int(r.out.split()[2]) - time.time()) < 30, r


def test_clones_of_a_guest():
    if not os.path.exists(path("one.snug")):
        tap.skip("there is no snapshot")
    r = snug("clone", "one.snug", "-n", "3", "--exec", "cat /proc/sys/kernel/random/uuid; exit 3")
    ids = r.out.split()
    assert r.status == 3 and len(ids) == 3 and len(set(ids)) == 3, r


def test_a_shell_killed_by_a_signal():
    expect(again("kill -9 $$"), 128 + 9)


def test_no_such_command():
    expect(again("/nonexistent"), 127, "not found")


def test_much_output():
    r = again("dd if=/dev/zero bs=4096 count=64 2>/dev/null | tr '\\0' x; dd if=/dev/zero bs=4096 count=16 2>/dev/null | tr '\\0' y >&2")
    assert r.status == 0 and r.out == b"x" * 262144 and r.err.count("y") == 65536, (r.status, len(r.out), r.err.count("y"))


def test_time_limit():
    expect(again("sleep 100", "--timeout", "1.5"), 124)


def test_stress_with_one_cpu():
    r = expect(again("/stress 4"), 0)
    assert re.search(rb"^stress: 4 tasks, 1 rounds, 0 failed", r.out), r


def test_stress_with_two_cpus():
    r = expect(run("grep -c ^processor /proc/cpuinfo; /stress 4", "--cpus", "2"), 0)
    assert re.search(rb"^2\nstress: 4 tasks, 1 rounds, 0 failed", r.out), r


def test_stress_again_and_again():
    if not SLOW:
        tap.skip("10 times each with 1, 2 and 4 CPUs: make test-slow")
    for cpus in ("1", "2", "4"):
        for _ in range(10):
            r = expect(run("/stress 4", "--cpus", cpus), 0)
            assert b" 0 failed" in r.out, r


def debian(kind):
    """The image of a kernel that Debian packages."""
    if not SLOW:
        tap.skip(f"Debian's {kind}: make test-slow")
    out = subprocess.run([sys.executable, os.path.join(ROOT, "guests", "linux", "debian.py"), kind], stdout=subprocess.PIPE,
                         check=True, text=True).stdout.split()
    if not out:
        tap.skip(f"Debian's archive has no {kind} now")
    return out[0]


def debian_boots(kind):
    kernel = debian(kind)
    tap.LIMIT = 1800
    r = snug("run", "--kernel", kernel, "--exec", "cat /proc/uptime; uname -r; exit 6", "--mem", "256M", "--initrd-dir", tree())
    tap.LIMIT = LIMIT
    assert r.status == 6 and f"{kind}." in r.out.decode(), r
    print(f"# Debian's {kind}: init after {r.out.split()[0].decode()} s")


def test_debian_6_1():
    debian_boots("6.1")


def test_debian_6_12():
    debian_boots("6.12")


def test_memtest86():
    """Its screen comes on the serial line, and it gets past its first test without an error."""
    r = snug("run", debian("memtest"), "--mem", "16M", "--append", "console=ttyS0,115200 nosmp", "--timeout", "200")
    text = r.out.decode("latin-1")
    assert r.status == 124 and "Memtest86+ v" in text, r
    assert re.search(r"#[1-9] +\[", text) and not re.search(r"Errors: +[1-9]", text), text[-3000:]


def test_panic():
    r = snug("run", "--kernel", KERNEL, "--append", "rdinit=/nonexistent", "--timeout", "200", "--verbose")
    expect(r, 123, "the guest's kernel panicked: ", "Kernel panic - not syncing: ", "for this kind of host" if pvm() else "")


def pvm():
    return b"pvm" in snug("check").out


def test_hints_can_be_left_out():
    r = snug("run", "--kernel", KERNEL, "--no-host-hints", "--verbose", "--timeout", "0.2")
    expect(r, 124)
    assert "for this kind of host" not in r.err, r


def test_no_hints_where_they_do_not_fit():
    with open(KERNEL, "rb") as f:
        image = bytearray(f.read())
    image[0x238:0x23c] = (255).to_bytes(4, "little")  # cmdline_size, as memtest86+ has it
    tap.image("short-line", bytes(image))
    r = expect(snug("run", "--kernel", "short-line", "--verbose", "--timeout", "0.2"), 124)
    assert "for this kind of host" not in r.err, r


def test_what_is_missing_is_told_before_it_runs():
    with open(KERNEL, "rb") as f:
        kernel = f.read()
    tap.image("short", kernel[:100000])
    expect(snug("run", "short"), 126, "linux: truncated: payload at 0x", "past the end of the file")
    old = bytearray(kernel[:4096])
    old[0x206:0x208] = b"\x04\x02"
    tap.image("old", bytes(old))
    expect(snug("run", "old"), 126, "boot protocol 2.04", "2.12 is needed")
    expect(snug("run", KERNEL, "--mem", "8M"), 125, "--mem")
    expect(snug("run", KERNEL, "--initrd", "nosuch"), 127, "nosuch")
    expect(snug("run", KERNEL, "--mode", "real"), 125, "--mode")
    expect(snug("run", KERNEL, "--append", "x" * 70000), 125, "command line")
    expect(snug("run", KERNEL, "--exec", "true", "--initrd-dir", "nosuch"), 127, "initrd: nosuch: No such file")


def initrd(init):
    files = {"bin": None, "bin/busybox": "/bin/busybox", "bin/sh": "/bin/busybox", "dev": None, "dev/console": (5, 1), "init": init, "proc": None}
    return tap.image("initrd", gzip.compress(cpio.make(files)))


BEHIND = {}  # what came behind the text that was waited for


def talk(terminal, want, say=b"", limit=200):
    """What comes until `want` does; then `say` is typed."""
    seen, end = BEHIND.pop(terminal, b""), time.monotonic() + limit
    while want not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
    assert want in seen, (want, seen[-2000:])
    at = seen.index(want) + len(want)
    BEHIND[terminal] = seen[at:]
    os.write(terminal, say)
    return seen[:at]


def on_terminal(*words):
    ours, theirs = pty.openpty()
    before = subprocess.run(["stty", "-g"], stdin=theirs, stdout=subprocess.PIPE, check=True).stdout
    p = subprocess.Popen([tap.SNUG, *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tap.FOLDER)
    return ours, theirs, before, p


def test_a_console_on_a_terminal():
    """A shell on the serial line: what is typed gets there by interrupts; Ctrl-A x ends it; the terminal is as before."""
    i = initrd(b"#!/bin/sh\nb=/bin/busybox\n$b mount -t proc proc /proc\n$b mount -t devtmpfs dev /dev\necho up\n"
               b"exec $b setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'\n")
    ours, theirs, before, p = on_terminal("run", KERNEL, "--initrd", i, "--append", "quiet")
    try:
        talk(ours, b"up\r")
        talk(ours, b"# ", b"echo $((6*7))4; grep -c ttyS0 /proc/interrupts\r")
        talk(ours, b"424", b"\x01c")
        talk(ours, b"snug> ", b"cpux\x7fs\r")
        seen = talk(ours, b"snug> ", b"x 0xffffffff81000000 16\r")
        assert b"vCPU 0: rip 0xffffffff8" in seen and b"64-bit, CPL 0" in seen, seen
        seen = talk(ours, b"snug> ", b"nonsense\r")
        assert re.search(rb"0xffffffff81000000:( [0-9a-f]{2}){16}\r", seen), seen
        talk(ours, b"no command 'nonsense'")
        talk(ours, b"snug> ", b"cont\r")
        os.write(ours, b"echo again$((1+1))\r")
        talk(ours, b"again2", b"\x01x")
        assert p.wait(20) == 0, p.returncode
        after = subprocess.run(["stty", "-g"], stdin=theirs, stdout=subprocess.PIPE, check=True).stdout
        assert before == after, (before, after)
    finally:
        p.kill()
        p.wait()


GDB = """set pagination off
set confirm off
file {vmlinux}
target remote {socket}
break start_kernel
continue
backtrace 3
info threads
stepi
stepi
delete
hbreak kernel_init
continue
info registers rip
delete
detach
"""


def test_gdb_in_a_kernel():
    if not shutil.which("gdb"):
        tap.skip("gdb is missing")
    socket = path("gdb")
    with open(path("script"), "w", encoding="utf-8") as f:
        f.write(GDB.format(vmlinux=os.path.join(os.path.dirname(KERNEL), "vmlinux"), socket=socket))
    with subprocess.Popen([tap.SNUG, "run", "--kernel", KERNEL, "--initrd-dir", tree(), "--exec", "echo on; exit 4", "--cpus", "2",
                           "--gdb", f"unix:{socket}", "--timeout", "200"], cwd=tap.FOLDER, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as p:
        try:
            p.stderr.readline()
            r = subprocess.run(["gdb", "-nx", "-batch", "-x", path("script")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=200, check=False, text=True).stdout
            out, err = p.communicate(timeout=200)
        finally:
            p.kill()
    assert "Thread 1 hit Breakpoint 1, 0x" in r and " in start_kernel ()" in r, r
    assert "in x86_64_start_kernel ()" in r and "vCPU 1, not started" in r, r
    assert "hit Breakpoint 2" in r and "<kernel_init>" in r, r
    assert p.returncode == 4 and out == b"on\n", (p.returncode, out, err)


def test_power_off_by_acpi_and_the_clock():
    i = initrd(b"#!/bin/sh\nb=/bin/busybox\n$b mount -t proc proc /proc\n$b cat /proc/driver/rtc\necho going\n$b poweroff -f\n")
    r = snug("run", KERNEL, "--initrd", i, "--verbose", "--append", "quiet")
    assert r.status == 0 and b"going" in r.out and "ended by power off" in r.err, r
    hour, minute, second = map(int, re.search(rb"rtc_time\s*: (\d+):(\d+):(\d+)", r.out).groups())
    off = (time.time() - (hour * 3600 + minute * 60 + second)) % 86400
    assert off < 60 or off > 86390, r


tap.main(globals())
