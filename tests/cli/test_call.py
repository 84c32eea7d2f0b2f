# SPDX-License-Identifier: MIT
"""snug call: arguments, results, what ends a call, and all that can be wrong."""
import json
import os
import re
import signal
import struct
import subprocess
import time
import zlib

import guests
import tap
from tap import expect, image, snug

FUNCTIONS = os.path.join(tap.BUILD, "guests", "functions.elf")


def call(*args, **more):
    return snug("call", "--timeout", "20", *args, **more)


def result(*args):
    """What a good call prints."""
    r = expect(call(*args), 0)
    assert r.err == "", r
    return r.out


def bad(status, *args):
    """A refusal: nothing on stdout, one or two lines on stderr, the first of snug."""
    args, texts = [a for a in args if not isinstance(a, tuple)], [t for a in args if isinstance(a, tuple) for t in a]
    r = expect(call(*args), status, *texts)
    assert r.out == b"" and r.err.startswith("snug: ") and 1 <= len(r.err.splitlines()) <= 2, r
    return r


def results(name="out.json"):
    with open(tap.path(name), encoding="utf-8") as f:
        return json.load(f)


def symbols_elf(code, name, at=0x100000):
    """An ELF file with one function in its symbol table; see the ELF specification, "Symbol Table"."""
    body = tap.elf64([(at, code, 0x1000)])
    strings = b"\0" + name.encode() + b"\0"
    table = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, at, len(code))
    offset = len(body)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 0, 1, 6, at, 64 + 56, len(code), 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, offset, len(table), 3, 1, 8, 24)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, offset + len(table), len(strings), 0, 0, 1, 0)
    head = bytearray(body)
    struct.pack_into("<Q", head, 40, offset + len(table) + len(strings))  # e_shoff
    struct.pack_into("<HHH", head, 58, 64, 4, 0)  # e_shentsize, e_shnum, e_shstrndx
    return image(name + ".elf", bytes(head) + table + strings + sections)


def test_integers():
    assert result(FUNCTIONS, "add", "40", "2") == b"42\n"
    assert result(FUNCTIONS, "add", "-40", "2") == b"-38\n"
    assert result(FUNCTIONS, "add", "0x10", "-0x11") == b"-1\n"
    assert result(FUNCTIONS, "add", "18446744073709551615", "0") == b"-1\n"
    assert result(FUNCTIONS, "add", "9223372036854775807", "0") == b"9223372036854775807\n"
    assert result(FUNCTIONS, "add", "--", "-1", "2") == b"1\n"


def test_the_result_as_asked_for():
    assert result("--hex", FUNCTIONS, "add", "-40", "2") == b"0xffffffffffffffda\n"
    assert result(FUNCTIONS, "add", "1", "2", "--hex") == b"0x3\n"
    assert result("--quiet", FUNCTIONS, "add", "1", "2") == b""


def test_both_modes():
    for mode in ("user", "long"):
        expect(call("--mode", mode, "--verbose", FUNCTIONS, "add", "1", "2"), 0, f"mode {mode}")
    expect(call("--verbose", FUNCTIONS, "add", "1", "2"), 0, "mode user")


def test_texts():
    assert result(FUNCTIONS, "words", "s:one two  three", "14") == b"3\n"
    assert result(FUNCTIONS, "words", "s:", "0") == b"0\n"
    assert result("--hex", FUNCTIONS, "fnv1a", "s:a", "1") == b"0xaf63dc4c8601ec8c\n"


def test_files_come_with_their_length():
    data = bytes(range(256)) * 20
    image("data", data)
    assert result(FUNCTIONS, "crc32", "@data") == b"%d\n" % zlib.crc32(data)
    image("nothing", b"")
    assert result(FUNCTIONS, "crc32", "@nothing") == b"0\n"


def test_a_file_may_be_a_pipe():
    p = subprocess.run([tap.SNUG, "call", FUNCTIONS, "crc32", "@/dev/stdin"], input=b"piped", capture_output=True,
                       timeout=60)
    assert p.returncode == 0 and p.stdout == b"%d\n" % zlib.crc32(b"piped"), p


def test_buffers_come_back():
    assert result(FUNCTIONS, "upper", "io:hello", "5") == b"5\nHELLO"
    assert result("--quiet", FUNCTIONS, "upper", "io:hello", "3") == b"HELlo"
    image("text", b"a b\n")
    assert result("--quiet", FUNCTIONS, "upper", "io:@text") == b"A B\n"
    assert open(tap.path("text"), "rb").read() == b"a b\n"
    row = result("--quiet", FUNCTIONS, "mandelbrot", "o:32", "16", "16", "8", "50")
    assert len(row) == 32 and any(row), row


def test_what_the_guest_prints_comes_first():
    name = os.path.join(tap.BUILD, "guests", "ready.elf")
    assert result(name, "guest_main") == b"prepared: counted to 10000\nthe sum is 50005000\n7\n"


def test_list():
    r = expect(call("--list", FUNCTIONS), 0)
    rows = [line.split(maxsplit=2) for line in r.out.decode().splitlines()]
    assert [x[0] for x in rows] == sorted(x[0] for x in rows) and all(re.fullmatch("0x[0-9a-f]{16}", x[0]) for x in rows), r
    sizes = {name: int(size) for _, size, name in rows}
    assert {"add", "upper", "guest_main"} <= set(sizes) and sizes["add"] > 0, sizes
    bad(125, "--list", FUNCTIONS, "add", ("--list: 'add' is too much",))
    r = expect(call("--list", image("bare.elf", tap.elf64([(0x100000, guests.HLT, 0x1000)]))), 0, "no symbols")
    assert r.out == b"", r


def test_unknown_function():
    bad(125, FUNCTIONS, "uper", ("uper", "upper", "--list"))
    bad(125, FUNCTIONS, "nothing_like_it", ("nothing_like_it", "--list"))
    bad(125, FUNCTIONS, ("FUNCTION is missing", "--list"))
    bad(125, ("IMAGE is missing",))


def test_a_crash():
    r = expect(call("--json", "out.json", FUNCTIONS, "crash"), 123, "#UD invalid opcode", "ud2 at 0x", "rax ")
    assert r.out == b"", r
    tap.narrow(r.err)
    j = results()
    assert j["call"]["returned"] is False and j["result"]["fault"]["vector"] == 6 and "value" not in j["call"], j


def test_buffers_of_a_call_that_does_not_return_are_not_shown():
    assert call(FUNCTIONS, "crash", "io:secret", "o:100").out == b""


def test_a_timeout():
    begin = time.monotonic()
    expect(snug("call", "--timeout", "0.3", FUNCTIONS, "forever"), 124, "timeout: the guest was stopped after 0.3 s")
    assert time.monotonic() - begin < 5


def test_a_signal_ends_it_as_any_program():
    p = subprocess.Popen([tap.SNUG, "call", FUNCTIONS, "forever"], stdin=subprocess.DEVNULL)
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    assert p.wait(10) == -signal.SIGINT


def test_the_guests_own_end():
    r = expect(call("--json", "out.json", FUNCTIONS, "_start"), 0, "_start did not return: the guest ended with status 0")
    assert r.out == b"" and results()["result"]["set_by"] == "guest", r
    name = os.path.join(tap.BUILD, "guests", "ready.elf")
    r = expect(call(name, "_start"), 7, "_start did not return: the guest ended with status 7")
    assert r.out.endswith(b"50005000\n"), r


def test_json():
    expect(call("--json", "out.json", FUNCTIONS, "add", "-3", "1"), 0)
    j = results()
    assert j["schema"] == 1 and j["image"] == FUNCTIONS and j["mode"] == "user", j
    assert j["call"] == {"function": "add", "returned": True, "count": 1, "value": -2, "hex": "0xfffffffffffffffe"}, j
    assert j["result"]["exit"] == "return" and j["result"]["status"] == 0 and j["stats"], j


def test_json_without_a_call():
    bad(126, "--json", "out.json", image("cut.elf", open(FUNCTIONS, "rb").read()[:4096]), "add", "1", "2", ("elf: ",))
    assert results()["call"] == {"function": "add", "returned": False, "count": 0}
    assert results()["result"]["status"] == 126
    expect(call("--json", "out.json", "--list", FUNCTIONS), 0)
    assert results()["call"] == {"function": None, "returned": False, "count": 0}


def test_stats():
    tap.narrow(expect(call("--stats", FUNCTIONS, "add", "1", "2"), 0, "time in KVM_RUN", "guest memory").err)


def test_repeat():
    r = expect(call("--repeat", "50", "--json", "out.json", FUNCTIONS, "upper", "io:abc", "3"), 0)
    assert r.out == b"3\nABC", r
    for what in ("calls", "resets"):
        assert re.search(rf"^snug: 50 {what}: p50 [0-9.]+ us, p99 [0-9.]+ [mu]s, max ", r.err, flags=re.M), r
    j = results()["call"]
    assert j["count"] == 50 and j["differ"] == 0 and 0 < j["time"]["p50_ns"] <= j["time"]["max_ns"], j
    assert 0 < j["reset"]["p50_ns"] <= j["reset"]["p99_ns"], j


def test_repeat_begins_where_the_first_began():
    # incq 0x100800; mov 0x100800, %rax; ret
    name = symbols_elf(bytes.fromhex("48ff042500081000 488b042500081000 c3".replace(" ", "")), "count")
    assert expect(call("--repeat", "20", name, "count"), 0).out == b"1\n"


def test_repeat_shows_what_one_call_prints():
    name = os.path.join(tap.BUILD, "guests", "ready.elf")
    r = expect(call("--repeat", "3", name, "guest_main"), 0)
    assert r.out == b"prepared: counted to 10000\nthe sum is 50005000\n7\n", r


def test_repeat_tells_of_results_that_differ():
    # 0x100000: rdtsc; ret
    name = symbols_elf(bytes.fromhex("0f31c3"), "clock")
    r = expect(call("--repeat", "5", name, "clock"), 125, "4 of 5 calls did not give what the first one gave")
    assert re.fullmatch(rb"\d+\n", r.out), r


def test_repeat_stops_at_the_first_that_fails():
    expect(call("--repeat", "5", FUNCTIONS, "crash"), 123, "#UD", "that was call 1 of 5")
    for n, text in (("0", "least is 1"), ("x", "no number"), ("20000000", "at most 10000000")):
        bad(125, "--repeat", n, FUNCTIONS, "add", ("--repeat", text))


def test_a_halt_is_no_return():
    r = expect(call("--mode", "long", symbols_elf(b"\xfa\xf4", "halt"), "halt"), 125, "halt did not return")
    assert r.out == b"", r


def saved():
    """The functions as a snapshot, standing at their mark "ready"."""
    r = snug("run", "--mode", "user", "--save", "functions.snap", FUNCTIONS)
    expect(r, 0)
    return "functions.snap"


def test_functions_of_a_snapshot():
    name = saved()
    assert result(name, "add", "40", "2") == b"42\n"
    image("data", b"some bytes")
    assert result(name, "crc32", "@data") == b"%d\n" % zlib.crc32(b"some bytes")
    assert b" add\n" in expect(call("--list", name), 0).out
    expect(call("--repeat", "10", name, "add", "1", "2"), 0, "10 calls")
    bad(125, name, "ad", ("ad", "add"))
    bad(125, "--mem", "2M", name, "add", ("--mem", "is no ELF file"))
    bad(125, "--mode", "long", name, "add", ("--mode", "is no ELF file"))


def test_arguments_that_are_none():
    for word, text in (("x", "is no number"), ("", "is empty"), ("1k", "is no number"), ("0x", "no digit"),
                       ("1.5", "is no number"), ("99999999999999999999", "64 bits"), ("o:0", "least is 1"),
                       ("o:-1", "negative"), ("o:67108865", "too large"), ("@nosuch", "No such file"),
                       ("io:@nosuch", "No such file"), ("@" + tap.FOLDER, "Is a directory"),
                       ("@/dev/zero", "File too large"), ("\x1b[2J", "?[2J")):
        bad(125, FUNCTIONS, "add", word, (text,))
    bad(125, FUNCTIONS, "add", "1", "2", "3", "4", "5", "6", "7", ("'7': a function takes at most 6",))
    bad(125, FUNCTIONS, "add", "1", "2", "3", "4", "5", "@" + image("one", b"x"), ("at most 6", "counts twice"))
    bad(125, FUNCTIONS, "add", *["1"] * 20, ("'snug call' takes at most 16 words",))
    bad(125, FUNCTIONS, "add", "-x", ("unknown option -x",))
    bad(125, FUNCTIONS, "", ("FUNCTION: the name is empty",))


def test_buffers_that_do_not_fit():
    bad(125, "--mem", "4M", FUNCTIONS, "add", "o:8000000", ("do not fit", "--mem"))
    expect(call("--mem", "32M", "--quiet", FUNCTIONS, "add", "o:8000000", "1", stdout=subprocess.DEVNULL), 0)


def test_modes_that_are_not_for_calls():
    for mode in ("real", "protected", "paged32", "reset"):
        bad(125, "--mode", mode, FUNCTIONS, "add", ("--mode " + mode, "user or in long"))
    name = image("small.elf", tap.elf32([(0x100000, guests.HLT, 0x1000)]))
    assert call(name, "f").status in (125, 126)


def test_images_that_are_none():
    bad(127, "nosuch", "f", ("nosuch", "No such file"))
    bad(126, image("empty", b""), "f", ("empty",))
    bad(126, image("text", b"hello, world\n"), "f", ("text", "64-bit ELF file, or a snapshot"))
    bad(126, image("short.elf", tap.elf64([(0x100000, guests.HLT, 0x1000)])[:100]), "f", ("elf",))
    os.mkfifo(tap.path("fifo"))
    for name in (tap.FOLDER, "fifo", "/dev/zero"):
        r = call(name, "f")
        assert r.status in (125, 126) and r.out == b"" and name in r.err, (name, r)


def test_a_damaged_table_of_symbols():
    whole = open(symbols_elf(bytes.fromhex("c3"), "ret"), "rb").read()
    assert result(tap.path("ret.elf"), "ret", "5").endswith(b"\n")
    for at in range(len(whole) - 300, len(whole)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0x80
        r = call("--list", image("spoilt.elf", spoilt))
        assert r.status in (0, 125, 126), (at, r)


def test_no_file_over_another():
    name = image("over.elf", open(FUNCTIONS, "rb").read())
    bad(125, "--json", name, name, "add", ("IMAGE and --json are the same file",))
    assert open(name, "rb").read() == open(FUNCTIONS, "rb").read()


def test_stdout_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        expect(call(FUNCTIONS, "add", "1", "2", stdout=full), 125, "stdout: No space left")
        name = os.path.join(tap.BUILD, "guests", "ready.elf")
        expect(call(name, "guest_main", stdout=full), 125, "stdout: No space left")


tap.main(globals())
