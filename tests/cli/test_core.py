# SPDX-License-Identifier: MIT
"""snug run after a crash: what it says happened, and the core file of --core, which gdb opens."""
import json
import os
import shutil
import subprocess

import guests
import tap
from tap import expect, image, snug

# xor %eax, %eax; ud2: the same bytes in every width
CODE = b"\x90\x31\xc0" + guests.UD2
READ = bytes.fromhex("48bb1000000080000000 8a03".replace(" ", ""))  # movabs $0x8000000010, %rbx; mov (%rbx), %al


def run(code, *args, mode="long"):
    return snug("run", "--timeout", "20", "--mode", mode, *args, image("guest.bin", code))


def gdb(core, *commands):
    if not shutil.which("gdb"):
        tap.skip("gdb is not installed")
    args = [x for c in commands for x in ("-ex", c)]
    p = subprocess.run(["gdb", "-nx", "-batch", *args, "-c", tap.path(core)], capture_output=True, text=True, timeout=60)
    assert "not in executable format" not in p.stderr and "No registers" not in p.stderr, (p.stdout, p.stderr)
    return p.stdout + p.stderr


def crash(mode, code=CODE, *args):
    r = expect(run(code, "--core", f"core.{mode}", *args, mode=mode), 123)
    tap.narrow(r.err)
    return r


def has(text, *parts):
    for p in parts:
        assert p in text, (p, text)


def test_memory_is_counted_before_the_core_reads_it():
    r = snug("run", "--mode", "long", "--core", "counted.core", "--json", "counted.json", image("ud2", guests.UD2))
    assert r.status == 123, r
    with open(tap.path("counted.json")) as f:
        memory = json.load(f)["memory"]
    assert memory["given"] > 16 << 20 and memory["touched"] < 1 << 20, memory


def test_autopsy_names_the_cause():
    r = expect(run(CODE), 123, "ud2 at 0x100003: the guest stopped itself", "walk of rip 0x100003, 4-level paging",
               "level 4 at 0x", "a page of 2 MiB, memory", "gate    6 at 0x", "cs   0018 at", "tr   0030 at",
               "the last 1 exit")
    if "no instructions" not in r.err:
        has(r.err, "=> 0000000000100003  0f 0b", "ud2", "xor eax, eax")
    r = expect(run(READ, mode="user"), 123, "page fault: the guest reads 0x8000000010, which is not mapped",
               "walk of cr2 0x8000000010", "ends at level 4")
    tap.narrow(r.err)
    r = expect(run(b"\xb4\x0e\xcd\x10" + guests.HLT, mode="real"), 123, "int 0x10, video: there is no BIOS here")
    tap.narrow(r.err)


def test_autopsy_shows_the_last_exits():
    r = expect(run(guests.say("x" * 40) + guests.UD2), 123, "the last 32 exits, the newest last", "write 0x00e9", "78")
    assert r.err.count("write 0x00e9") == 31, r


def test_json_has_the_cause():
    expect(run(READ, "--json", "out.json"), 123)
    with open(tap.path("out.json"), encoding="utf-8") as f:
        cause = json.load(f)["result"]["cause"]
    assert cause["rule"] == "page-absent" and "0x8000000010" in cause["text"], cause


def test_core_through_a_link_has_its_whole_length():
    crash("real")
    with open(tap.path("target"), "wb"):
        pass
    os.symlink("target", tap.path("link"))
    expect(run(CODE, "--core", "link", mode="real"), 123)
    assert os.path.getsize(tap.path("target")) == os.path.getsize(tap.path("core.real"))


def test_gdb_opens_a_64_bit_core():
    for mode in ("long", "user"):
        crash(mode)
        out = gdb(f"core.{mode}", "info registers rip rsp rax", "x/2i $rip - 2", "x/4bx 0x100000", "info threads")
        has(out, "rip            0x100003", "rsp            0x1000000", "rax            0x0", "xor    %eax,%eax",
            "=> 0x100003:\tud2", "0x90\t0x31\t0xc0\t0x0f", "LWP 1", "SIGILL")


def test_gdb_opens_a_32_bit_core():
    crash("protected")
    out = gdb("core.protected", "info registers eip esp eax cs", "x/i $eip", "x/4bx 0x100000")
    has(out, "eip            0x100003", "esp            0x1000000", "cs             0x8", "=> 0x100003:\tud2",
        "0x90\t0x31\t0xc0\t0x0f")


def test_gdb_opens_a_16_bit_core():
    crash("real")
    out = gdb("core.real", "info registers eip esp", "x/i $eip", "x/4bx 0x1000")
    has(out, "eip            0x1003", "esp            0x7000", "=> 0x1003:\tud2", "0x90\t0x31\t0xc0\t0x0f")


def test_gdb_sees_what_the_guest_wrote_and_every_vcpu():
    # movq $0x11223344, 0x300000; ud2
    crash("long", bytes.fromhex("48c7042500003000443322110f0b"), "--cpus", "2")
    has(gdb("core.long", "x/gx 0x300000", "info threads"), "0x0000000011223344", "LWP 1", "LWP 2")


def test_a_core_is_sparse():
    expect(run(CODE, "--mem", "512M", "--core", "big"), 123)
    s = os.stat(tap.path("big"))
    assert s.st_size > 512 << 20 and s.st_blocks * 512 < 1 << 20, s


def test_a_core_only_of_a_crash():
    expect(run(guests.HLT, "--core", "none"), 0)
    assert not os.path.exists(tap.path("none"))


def test_a_core_appears_whole_or_not_at_all():
    folder = tap.path("cores")
    os.mkdir(folder)
    expect(run(CODE, "--core", os.path.join(folder, "a")), 123)
    assert os.listdir(folder) == ["a"]


def test_a_core_that_cannot_be_written():
    expect(run(CODE, "--core", "/nonexistent/core"), 125, "--core: /nonexistent/core")
    expect(run(CODE, "--core", "/dev/full"), 125, "#UD", "--core: /dev/full: No space left")
    expect(run(CODE, "--core", "/dev/null"), 123)


tap.main(globals())
