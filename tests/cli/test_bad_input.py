# SPDX-License-Identifier: MIT
"""snug run with everything that can be wrong: the message and the status."""
import os
import stat
import struct
import subprocess

import guests
import tap
from tap import expect, image, snug

CODE = guests.exit_call(0)


def bad(status, *args):
    """A refusal: nothing on stdout, one or two lines on stderr, the first of snug."""
    args, texts = [a for a in args if not isinstance(a, tuple)], [t for a in args if isinstance(a, tuple) for t in a]
    r = expect(snug(*args), status, *texts)
    assert r.out == b"" and r.err.startswith("snug: ") and 1 <= len(r.err.splitlines()) <= 2, r
    return r


def bad_image(status, name, data, *args):
    options, texts = [a for a in args if not isinstance(a, tuple)], [a for a in args if isinstance(a, tuple)]
    return bad(status, "run", *options, image(name, data), *texts)


def test_no_file_over_another():
    guest = image("overwritten.bin", guests.UD2)
    before = open(guest, "rb").read()
    r = snug("run", "--mode", "long", "--json", guest, guest)
    assert r.status == 125 and "IMAGE and --json are the same file" in r.err, r
    r = snug("run", "--mode", "long", "--json", "one.out", "--report", "one.out", guest)
    assert r.status == 125 and "--json and --report are the same file" in r.err, r
    assert open(guest, "rb").read() == before and not os.path.exists(tap.path("one.out"))
    r = snug("run", "--mode", "long", "--json", "/dev/null", "--report", "/dev/null", guest)
    assert r.status == 123, r


def test_no_such_file():
    bad(127, "run", "nosuch", ("load 'nosuch'", "No such file"))
    bad(127, "run", "no/such/file", ("No such file",))


def test_a_file_as_a_folder():
    bad(125, "run", image("plain", b"x") + "/guest", ("Not a directory",))


def test_a_directory():
    bad(125, "run", tap.FOLDER, ("directory",))


def test_a_pipe_and_a_device():
    os.mkfifo(tap.path("fifo"))
    bad(125, "run", "fifo", ("fifo",))
    bad(125, "run", "/dev/zero", ("/dev/zero",))


def test_unreadable():
    nobody = tap.as_nobody()
    if nobody and not os.access("/dev/kvm", os.R_OK):
        tap.skip("no /dev/kvm")
    name = image("secret", CODE)
    os.chmod(name, 0)
    # Nobody may not open /dev/kvm either where its group is root's; then that is what is told.
    kvm_open = not nobody or os.stat("/dev/kvm").st_mode & stat.S_IROTH
    if not kvm_open:
        node = tap.path("kvm-for-all")
        kvm = os.stat("/dev/kvm")
        os.mknod(node, 0o666 | stat.S_IFCHR, kvm.st_rdev)
        os.chmod(node, 0o666)
        r = snug("run", "--kvm", node, "secret", prefix=nobody)
    else:
        r = snug("run", "secret", prefix=nobody)
    if not kvm_open and "kvm-for-all" in r.err:
        tap.skip("device files do not work in " + tap.FOLDER)
    expect(r, 125, "load 'secret'", "Permission denied")


def test_empty():
    bad_image(126, "empty", b"", ("empty",))
    bad_image(126, "empty", b"", "--mode", "real", ("empty",))


def test_no_guest_in_the_bytes():
    bad_image(126, "text", b"hello, world\n", ("--as flat",))


def test_larger_than_memory():
    bad_image(125, "large", bytes(2 << 20), "--mode", "long", "--mem", "1M", ("memory",))
    bad_image(125, "large", bytes(3 << 20), "--mode", "long", "--mem", "2M", ("memory",))
    huge = tap.path("huge")
    with open(huge, "wb") as f:
        f.truncate(2 << 30)
    bad(125, "run", "--mode", "long", "--mem", "4M", huge, ("huge",))


def test_truncated_elf():
    whole = tap.elf64([(0x100000, CODE, 0x1000)])
    for n in (4, 16, 20, 63, 64, 100, len(whole) - 1):
        bad_image(126, "short.elf", whole[:n], ("elf",))
    whole = tap.elf32([(0x100000, CODE, 0x1000)])
    for n in (4, 51, 60, len(whole) - 1):
        bad_image(126, "short.elf", whole[:n], ("elf",))


def test_elf_of_another_machine():
    for machine in (183, 40, 243):  # AArch64, Arm, RISC-V
        bad_image(126, "other.elf", tap.elf64([(0x100000, CODE, 0x1000)], machine=machine), ("machine",))


def test_elf_of_another_kind():
    shared = bytearray(tap.elf64([(0x100000, CODE, 0x1000)]))
    struct.pack_into("<H", shared, 16, 3)  # ET_DYN
    bad_image(126, "pie.elf", shared, ("elf",))
    big = bytearray(tap.elf64([(0x100000, CODE, 0x1000)]))
    big[5] = 2  # ELFDATA2MSB
    bad_image(126, "big.elf", big, ("elf",))


def test_overlapping_segments():
    bad_image(126, "over.elf", tap.elf64([(0x100000, CODE, 0x2000), (0x101000, CODE, 0x1000)]), ("overlap",))


def test_wrapping_segments():
    r = snug("run", image("wrap.elf", tap.elf64([(0xFFFFFFFFFFFFF000, CODE, 0x2000)])))
    assert r.status in (125, 126) and "segment" in r.err, r
    r = snug("run", image("wrap.elf", tap.elf64([(0x100000, CODE, 0xFFFFFFFFFFFFFFF0)])))
    assert r.status in (125, 126) and "segment" in r.err, r


def test_segment_outside_memory():
    bad_image(125, "out.elf", tap.elf64([(0x80000000, CODE, 0x1000)], entry=0x80000000), ("segment",))


def test_file_range_past_the_end():
    data = bytearray(tap.elf64([(0x100000, CODE, 0x1000)]))
    struct.pack_into("<Q", data, 64 + 32, 0x900)  # p_filesz
    bad_image(126, "range.elf", data, ("segment",))


def test_entry_outside_memory():
    bad_image(125, "entry.elf", tap.elf64([(0x100000, CODE, 0x1000)], entry=0x900000000), ("entry",))
    bad_image(125, "flat", CODE, "--entry", "0x900000000", ("entry",))


def test_load_address_out_of_range():
    for at in ("0x1000000", "0xfffffffffffff000", "18446744073709551615"):
        bad_image(125, "flat", CODE, "--load", at, ("load address",))
    bad_image(125, "flat", CODE, "--load", "0xffffff", ("0xffffff", "--mem 17M"))
    bad_image(125, "flat", CODE, "--mode", "real", "--load", "0x200000", ("0x200000",))


def test_memory_sizes():
    for size, text in (("0", "is nothing"), ("12X", "K, M, G and T"), ("-1", "is negative"), ("", "is empty"),
                       ("1.5G", "K, M, G and T"), ("12MB", "K, M, G and T"), ("M", "is no number"),
                       ("5000", "4096"), ("99999999999999999999", "too large"), ("99999999999T", "too large"),
                       ("0x1000", "K, M, G and T"), (" 4K", "is no number")):
        bad(125, "run", "--mem", size, "x", ("--mem", text))
    bad_image(125, "flat", CODE, "--mode", "long", "--mem", "1T", ("memory", "TiB"))
    bad_image(125, "flat", CODE, "--mode", "long", "--mem", "16777215T", ("memory",))


def test_times():
    for time, text in (("0", "no time at all"), ("0.0", "no time at all"), ("-1", "negative"), ("x", "no number"),
                       ("1s", "seconds"), ("1e3", "seconds"), ("1.", "after the point"), (".5", "no number"),
                       ("0.0000000001", "nine decimals"), ("99999999999", "too large")):
        bad(125, "run", "--timeout", time, "x", ("--timeout", text))


def test_addresses():
    for option in ("--load", "--entry", "--stack"):
        for at, text in (("0x", "no digit"), ("12g", "no address"), ("0xg", "no digit"), ("", "empty"),
                         ("-4", "negative"), ("0x10000000000000000", "64 bits"), ("1M", "no address")):
            bad(125, "run", option, at, "x", (option, text))


def test_cpus():
    for n, text in (("0", "least is 1"), ("-1", "negative"), ("1.5", "whole"), ("5000000000", "too large")):
        bad(125, "run", "--cpus", n, "x", ("--cpus", text))
    bad_image(125, "flat", CODE, "--mode", "long", "--cpus", "1000000", ("1000000 vCPUs",))


def test_unknown_words():
    bad(125, "run", "--mode", "protectd", "x", ("--mode: unknown mode 'protectd'", "protected"))
    bad(125, "run", "--as", "nonsense", "x", ("--as: unknown kind 'nonsense'", "flat, elf, firmware, linux, pvh and multiboot"))
    bad(125, "run", "--sandbox", "maybe", "x", ("--sandbox", "on, off and strict"))


def test_unknown_option():
    bad(125, "run", "--mme", "16M", "x", ("unknown option --mme", "did you mean --mem?"))
    bad(125, "run", "--zzzzzzzzzz", "x", ("unknown option --zzzzzzzzzz", "snug run --help"))
    bad(125, "run", "-m", "x", ("unknown option -m",))
    bad(125, "check", "--reboot", ("--reboot: 'snug check' has no such option",))


def test_missing_argument():
    for option in ("--mem", "--timeout", "--json", "--mode", "--as", "--load", "--kvm", "--cpus", "--sandbox"):
        bad(125, "run", "x", option, (f"{option}: its argument", "missing"))
    bad(125, "run", "--mem", "--stats", "x", ("--mem: its argument SIZE is missing",))
    bad(125, "run", ("IMAGE is missing",))


def test_unwanted_argument():
    bad(125, "run", "--stats=yes", "x", ("--stats takes no argument",))
    bad(125, "check", "x", ("'snug check' takes no argument",))
    bad(125, "demo", "x", ("'snug demo' takes no argument",))


def test_two_images():
    bad(125, "run", "a", "b", ("two images: 'a' and 'b'",))


def test_guest_arguments():
    bad(125, "run", "a", "--", "b", ("'b' after --",))


def test_unknown_verb():
    bad(125, "rum", ("unknown verb 'rum'", "snug run"))
    bad(125, "frobnicate", ("unknown verb",))
    bad(125, "help", "frobnicate", ("unknown verb",))
    assert "usage" in expect(snug(), 125).err


def test_messages_do_not_act_on_the_terminal():
    r = snug("run", "\x1b[2Jx")
    assert r.status == 127 and "\x1b" not in r.err, r


def test_a_mode_the_host_refuses():
    refused = b"mode paged32                       no" in snug("check").out
    name = image("flat", CODE)
    if refused:
        bad(125, "run", "--mode", "paged32", name, ("32-bit paging", "refuses"))
    else:
        expect(snug("run", "--timeout", "20", "--mode", "paged32", name), 0)


def test_kvm_missing():
    bad_image(125, "flat", CODE, "--mode", "long", "--kvm", "/nonexistent", ("open /nonexistent", "No such file"))


def test_kvm_that_is_not_kvm():
    bad_image(125, "flat", CODE, "--mode", "long", "--kvm", "/dev/null", ("KVM_GET_API_VERSION /dev/null", "no KVM"))
    bad_image(125, "flat", CODE, "--mode", "long", "--kvm", image("file", b"x"), ("file",))


def test_kvm_without_permission():
    nobody = tap.as_nobody()
    node = tap.path("kvm-closed")
    if not nobody:
        tap.skip("needs root, to make a device file")
    os.mknod(node, 0o600 | stat.S_IFCHR, os.stat("/dev/kvm").st_rdev)
    os.chmod(node, 0)
    r = snug("run", "--kvm", node, "--mode", "long", image("flat", CODE), prefix=nobody)
    expect(r, 125, "open " + node, "Permission denied", "usermod")


def test_few_files():
    r = subprocess.run(["sh", "-c", f"ulimit -n 4; exec {tap.SNUG} run --mode long {image('flat', CODE)}"],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode == 125 and "Too many open files" in r.stderr and "ulimit -n" in r.stderr, r


def test_little_address_space():
    r = subprocess.run(["sh", "-c", f"ulimit -v 20000; exec {tap.SNUG} run --mem 64M --mode long {image('flat', CODE)}"],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if "AddressSanitizer" in r.stderr or "shared libraries" in r.stderr:
        tap.skip("a sanitizer needs address space of its own")
    assert r.returncode == 125 and "memory" in r.stderr, r


tap.main(globals())
