# SPDX-License-Identifier: MIT
"""Kernels by PVH and Multiboot, and a machine that is a PC; Linux itself is tests/linux."""
import os
import re
import struct

import guests
import tap
from tap import expect, snug


def built(name):
    return os.path.join(tap.BUILD, "guests", name)


def multiboot(name):
    tap.image("one", b"first module")
    tap.image("two", b"second")
    r = expect(snug("run", built(name), "--append", "a=b c", "--initrd", "one,two", "--mem", "64M"), 0)
    text = r.out.decode()
    assert 'loader snug, command line "a=b c"\n' in text, text
    assert 'module "one": first module\nmodule "two": second\n' in text, text
    assert "lower 0000027f upper 0000fc00\n" in text, text
    rows = re.findall(r"map (\w+) (\w+) (\w+)", text)
    ram = [(int(base, 16), int(size, 16)) for base, size, kind in rows if kind == "ram"]
    assert ram == [(0, 0x9fc00), (0x100000, 0x3f00000)], rows
    assert all(int(a[0], 16) + int(a[1], 16) <= int(b[0], 16) for a, b in zip(rows, rows[1:])), rows


def test_multiboot_elf():
    multiboot("multiboot.elf")


def test_multiboot_flat():
    multiboot("multiboot.bin")


def pvh(code):
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100004)
    at = 64 + 2 * 56
    head = struct.pack("<4sBBBBB7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, 0x100000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    rows = struct.pack("<IIQQQQQQ", 4, 4, at, 0, 0, len(note), len(note), 4)
    rows += struct.pack("<IIQQQQQQ", 1, 7, at + len(note), 0x100000, 0x100000, len(code), 0x1000, 1)
    return head + rows + note + code


def test_pvh():
    """It starts in 32-bit protected mode, with ebx at the start info: the magic's first letter is printed."""
    code = b"\xf4\xf4\xf4\xf4" + b"\x8a\x03\xe6\xe9" + guests.say("P") + guests.exit_call(3)
    r = expect(snug("run", tap.image("pvh", pvh(code)), "--verbose"), 3, "pvh, mode protected, at 0x100000", "entry 0x100004")
    assert r.out == b"\x78P", r
    expect(snug("run", "--as", "pvh", built("multiboot.elf")), 126, "no note PHYS32_ENTRY")
    expect(snug("run", "--as", "multiboot", "pvh"), 126, "no header")


def test_a_damaged_packed_kernel():
    with open(tap.image("kernel", guests.bzimage(b"\xf4")), "rb") as f:
        good = f.read()
    tap.image("bad", good[:-12] + bytes([good[-12] ^ 0xff]) + good[-11:])
    expect(snug("run", "bad"), 126, "gzip: the packed kernel does not unpack to the", "make or copy it again")


def test_a_pc_starts_over():
    """A reset by port 0x64 ends the run, or with --reboot begins it anew."""
    code = guests.say("x") + b"\xb0\xfe\xe6\x64" + guests.HLT
    tap.image("resets", guests.bzimage(code))
    r = expect(snug("run", "resets"), 0)
    assert r.out == b"x", r
    r = expect(snug("run", "resets", "--reboot", "--timeout", "1"), 124)
    assert len(r.out) > 3 and set(r.out) == {ord("x")}, r


def test_power_off_by_acpi():
    """SLP_TYP 5 and SLP_EN into PM1a_CNT, whose port the FADT has: here as the tables of docs/devices.md have it."""
    code = guests.say("x") + b"\x66\xba\x04\x06\x66\xb8\x00\x34\x66\xef" + guests.HLT
    r = expect(snug("run", tap.image("off", guests.bzimage(code)), "--verbose"), 0, "power off")
    assert r.out == b"x", r


def test_a_halted_pc_is_cut_by_the_time_limit():
    expect(snug("run", tap.image("halts", guests.bzimage(guests.HLT)), "--timeout", "0.3"), 124)


def test_a_triple_fault_of_a_kernel():
    code = b"\x0f\x01\x1c\x25\x00\x00\x10\x00\x0f\x0b"  # lidt of zeros, ud2
    r = snug("run", tap.image("triple", guests.bzimage(code)), "--timeout", "20")
    expect(r, 123, "triple fault")


tap.main(globals())
