# SPDX-License-Identifier: MIT
"""snug run --save, snug restore, snug clone, snug snapshot: what they do, and all that can be wrong."""
import json
import os
import re
import signal
import subprocess
import time

import guests
import tap
from tap import expect, image, snug

READY = guests.mark("ready")
REST = b"the sum is 50005000\n"


def save(code, name, *args, status=0, mode="long"):
    """Runs code and saves it; what it printed."""
    r = snug("run", "--timeout", "20", "--mode", mode, "--save", name, *args, image("guest.bin", code))
    return expect(r, status).out


def ready():
    """The snapshot of the guest that comes with snug."""
    if not os.path.exists(tap.path("ready.snap")):
        r = snug("run", "--save", "ready.snap", os.path.join(tap.BUILD, "guests", "ready.elf"))
        assert expect(r, 7).out == b"prepared: counted to 10000\n" + REST, r
    return "ready.snap"


def results(name="out.json"):
    with open(tap.path(name), encoding="utf-8") as f:
        return json.load(f)


def bad(status, *args):
    """A refusal: nothing on stdout, one or two lines on stderr, the first of snug."""
    args, texts = [a for a in args if not isinstance(a, tuple)], [t for a in args if isinstance(a, tuple) for t in a]
    r = expect(snug(*args), status, *texts)
    assert r.out == b"" and r.err.startswith("snug: ") and 1 <= len(r.err.splitlines()) <= 2, r
    return r


def test_save_at_the_mark_and_restore():
    name = ready()
    for _ in range(2):
        r = expect(snug("restore", name), 7)
        assert r.out == REST and r.err == "", r


def test_verbose_tells_of_saves_and_restores():
    r = snug("run", "--save", "v.snap", "--verbose", "--mode", "long", image("v", READY + guests.exit_call(3)))
    expect(r, 3, 'saved to v.snap at the mark "ready"')
    expect(snug("restore", "--verbose", "v.snap"), 3, "v.snap: snapshot of flat, mode long", "entry 0x100000")


def test_the_first_mark_counts():
    code = READY + guests.say("a") + READY + guests.say("b") + guests.exit_call(0)
    assert save(code, "first.snap") == b"ab"
    assert expect(snug("restore", "first.snap"), 0).out == b"ab"


def test_other_marks_do_not():
    code = guests.mark("read") + guests.mark("ready!") + guests.say("a") + READY + guests.say("b") + guests.exit_call(0)
    save(code, "other.snap")
    assert expect(snug("restore", "other.snap"), 0).out == b"b"


def test_save_at_the_halt():
    assert save(guests.say("a") + guests.HLT + guests.say("b") + guests.exit_call(3), "halt.snap") == b"a"
    assert expect(snug("restore", "halt.snap"), 3).out == b"b"


def test_a_halt_does_not_replace_the_mark():
    save(READY + guests.say("b") + guests.HLT, "kept.snap")
    assert expect(snug("restore", "kept.snap"), 0).out == b"b"


def wait_for(condition):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")


def inode(name):
    return os.stat(tap.path(name)).st_ino if os.path.exists(tap.path(name)) else 0


def signalled(code, name, mode):
    """Saves twice, by two signals."""
    p = subprocess.Popen([tap.SNUG, "run", "--mode", mode, "--timeout", "3", "--save", name, image("s.bin", code)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=tap.FOLDER)
    assert p.stdout.read(1) == b"!"
    p.send_signal(signal.SIGUSR1)
    wait_for(lambda: inode(name))
    before = inode(name)
    p.send_signal(signal.SIGUSR1)
    wait_for(lambda: inode(name) != before)
    assert p.wait(20) == 124, p.stderr.read()


def test_save_on_a_signal_and_go_on():
    signalled(guests.say("!") + guests.LOOP, "signal.snap", "user")
    r = expect(snug("restore", "--timeout", "0.3", "signal.snap"), 124, "timeout")
    assert r.out == b"", r


def test_save_on_a_signal_while_it_sleeps():
    signalled(guests.say("!") + guests.STI_HLT + guests.say("woken") + guests.exit_call(4), "asleep.snap", "long")
    assert expect(snug("restore", "--timeout", "5", "asleep.snap"), 4).out == b"woken"


def test_without_save_the_signal_ends_it():
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "user", image("loop", guests.say("!") + guests.LOOP)],
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert p.stdout.read(1) == b"!"
    p.send_signal(signal.SIGUSR1)
    assert p.wait(10) == -signal.SIGUSR1


def test_nothing_saved_is_told():
    for code in (guests.exit_call(5), guests.UD2, guests.LOOP, guests.RESET):
        r = snug("run", "--mode", "long", "--timeout", "0.5", "--save", "none.snap", "--json", "out.json",
                 image("guest.bin", code))
        expect(r, 125, "--save: nothing was saved to none.snap", "SIGUSR1")
        assert not os.path.exists(tap.path("none.snap"))
        j = results()
        assert j["saves"] == 0 and j["result"]["status"] == 125 and j["result"]["set_by"] == "snug", j


def test_what_was_saved_stays_whatever_comes_then():
    save(READY + guests.UD2, "crash.snap", status=123)
    expect(snug("restore", "crash.snap"), 123, "#UD")
    save(READY + guests.LOOP, "loop.snap", "--timeout", "0.3", status=124)
    save(READY + guests.exit_call(9), "nine.snap", "--json", "out.json", status=9)
    assert results()["saves"] == 1, results()


def test_every_mode_comes_back():
    # Real mode's mark is made of the same bytes with other operand sizes, so the halt is what saves.
    for mode in ("real", "protected", "long", "user"):
        code = guests.say("a") + (guests.HLT if mode != "user" else READY) + guests.say("b") + guests.debug_exit(2)
        save(code, f"{mode}.snap", mode=mode, status=5 if mode == "user" else 0)
        r = snug("restore", f"{mode}.snap")
        assert r.status == 5 and r.out == b"b", (mode, r)


def test_restore_has_the_options_of_run():
    save(READY + guests.say("x") + guests.UD2, "options.snap", status=123)
    r = snug("restore", "--timeout", "20", "--stats", "--json", "out.json", "--trace", "t.json", "--report", "r.html", "--core",
             "core", "options.snap")
    expect(r, 123, "#UD", "port 0x00e9 out")
    j = results()
    assert j["image"] == "options.snap" and j["mode"] == "long" and j["result"]["fault"]["vector"] == 6, j
    assert results("t.json")["traceEvents"], "no events"
    assert open(tap.path("core"), "rb").read(4) == b"\x7fELF"
    with open(tap.path("r.html"), encoding="utf-8") as f:
        assert '"mem":' + str(16 << 20) in f.read().replace(" ", "")


def test_restore_reads_stdin():
    save(READY + guests.ECHO, "echo.snap", "--timeout", "0.3", status=124)
    p = subprocess.run([tap.SNUG, "restore", "--timeout", "20", tap.path("echo.snap")], input=b"hi\x00q", capture_output=True,
                       timeout=60)
    assert p.returncode == 0 and p.stdout == b"hi\x00", p


def test_restore_and_save_again():
    save(READY + guests.say("a") + READY + guests.say("b") + guests.exit_call(0), "one.snap")
    assert expect(snug("restore", "--save", "two.snap", "one.snap"), 0).out == b"ab"
    assert expect(snug("restore", "two.snap"), 0).out == b"b"


def test_reboot_restores_again():
    save(READY + guests.say("x") + guests.RESET, "reboot.snap")
    r = expect(snug("restore", "--reboot", "--timeout", "0.5", "--json", "out.json", "reboot.snap"), 124)
    assert results()["reboots"] >= 2 and len(r.out) >= 2, r


def test_memory_and_cpus_come_with_the_file():
    # mov $0x3fff000, %ebx; mov (%rbx), %al; out of RAM it would read all-ones
    code = READY + bytes.fromhex("bb00f0ff03 8a03 25ff000000 66bae005 ef".replace(" ", ""))
    save(code, "large.snap", "--mem", "64M", "--cpus", "2")
    expect(snug("restore", "large.snap"), 0)
    assert re.search(rb"^cpus +2$", snug("snapshot", "info", "large.snap").out, flags=re.M)


def test_save_refuses_what_it_would_spoil():
    guest = image("spoil.bin", READY + guests.exit_call(0))
    before = open(guest, "rb").read()
    bad(125, "run", "--mode", "long", "--save", guest, guest, ("IMAGE and --save are the same file",))
    bad(125, "run", "--mode", "long", "--save", "one", "--json", "one", guest, ("--json and --save are the same file",))
    bad(125, "run", "--mode", "long", "--save", "/dev/null", guest, ("/dev/null is no plain file",))
    bad(125, "run", "--mode", "long", "--save", tap.FOLDER, guest, ("--save", "Is a directory"))
    bad(125, "run", "--mode", "long", "--save", "/nonexistent/x", guest, ("--save: /nonexistent/x: No such file",))
    bad(125, "run", "--mode", "long", "--save", "s", "--gdb", "tcp:0", guest, ("--save and --gdb",))
    bad(125, "restore", "--save", ready(), ready(), ("FILE and --save are the same file",))
    bad(125, "restore", "--json", ready(), ready(), ("FILE and --json are the same file",))
    bad(125, "clone", "-n", "1", "--json", ready(), ready(), ("FILE and --json are the same file",))
    assert open(guest, "rb").read() == before and os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


def test_a_save_that_fails_is_told_and_the_guest_goes_on():
    folder = tap.path("gone")
    os.mkdir(folder)
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "user", "--timeout", "2", "--save", os.path.join(folder, "x"),
                          image("loop", guests.say("!") + guests.LOOP)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert p.stdout.read(1) == "!"
    os.rmdir(folder)
    p.send_signal(signal.SIGUSR1)
    err = p.communicate(timeout=30)[1]
    assert p.returncode == 125 and "No such file" in err and "timeout" in err and "nothing was saved" not in err, err


# ---- clone


def clone(*args, **more):
    return snug("clone", "--timeout", "20", *args, **more)


def test_clones_print_in_order_and_together():
    r = expect(clone(ready(), "-n", "25", "--json", "out.json", "--verbose"), 7, "25 of 25 clones ended with status 7\n")
    assert r.out == 25 * REST, r
    assert [int(n) for n in re.findall(r"^snug: clone (\d+):", r.err, flags=re.M)] == list(range(25)), r
    j = results()
    assert j["count"] == 25 and len(j["clones"]) == 25 and j["restore_ns"] > 0, j
    for c in j["clones"]:
        assert c["status"] == 7 and c["set_by"] == "guest" and c["console_bytes"] == len(REST), c
        assert c["clone_ns"] > 0 and c["run_ns"] > 0 and not c["console_cut"] and c["what"] == "", c
    assert 0 < j["clone"]["p50_ns"] <= j["clone"]["p99_ns"] <= j["clone"]["max_ns"], j
    assert 0 < j["run"]["p50_ns"] <= j["run"]["p99_ns"] <= j["run"]["max_ns"], j


def test_clones_that_end_well_are_status_0():
    save(READY + guests.exit_call(0), "well.snap")
    expect(clone("well.snap", "--count", "3"), 0, "3 of 3 clones ended with status 0")
    save(READY + guests.HLT, "well.snap")
    expect(clone("well.snap", "-n1"), 0, "1 of 1 clones ended with status 0")


def test_clones_crash_and_time_out():
    save(READY + guests.say("x") + guests.UD2, "crash.snap", status=123)
    r = expect(clone("crash.snap", "-n", "3", "--verbose"), 123, "3 of 3 clones ended with status 123, set by snug",
               "clone 2: status 123, set by snug: it crashed: #UD")
    assert r.out == b"xxx", r
    save(READY + guests.say("x") + guests.LOOP, "loop.snap", "--timeout", "0.3", status=124)
    r = expect(snug("clone", "--timeout", "0.3", "loop.snap", "-n", "3", "--verbose"), 124, "it was stopped after 0.3 s")
    assert r.out == b"xxx", r


def test_a_clone_nothing_can_wake_ends():
    save(READY + guests.STI_HLT, "sleep.snap", "--timeout", "0.3", status=124)
    expect(snug("clone", "sleep.snap", "-n", "2", "--verbose"), 124, "nothing can wake it")


def test_clones_tell_their_times():
    r = expect(clone(ready(), "-n", "10", "--stats"), 7)
    for row in ("restore", "clone", "run", "in all"):
        assert re.search(rf"^{row} +(p50 )?[0-9.]+ (us|ms|s)", r.err, flags=re.M), (row, r)
    tap.narrow(r.err)


def test_a_clone_that_does_not_stop_printing_is_cut():
    # mov $0x100000, %esi; mov $0x402, %dx; mov $0x48000, %ecx; rep outsb
    code = READY + bytes.fromhex("be00001000 66ba0204 b900800400 f36e f4".replace(" ", ""))
    save(code, "long.snap", "--timeout", "0.3", status=124)
    r = expect(clone("long.snap", "-n", "2"), 0, "clone 0: its console is cut after 262144 of 294912 bytes", "clone 1: ")
    assert len(r.out) == 2 * 262144, len(r.out)


def test_clones_do_not_see_each_others_memory():
    # incb 0x110000; mov 0x110000, %al; add $'0', %al; out %al, $0xe9
    code = READY + bytes.fromhex("fe042500001100 8a042500001100 0430 e6e9 f4".replace(" ", ""))
    save(code, "private.snap")
    assert expect(clone("private.snap", "-n", "8"), 0).out == b"1" * 8
    assert expect(snug("restore", "private.snap"), 0).out == b"1"


def test_how_many_clones():
    for n, text in (("0", "the least is 1"), ("-1", "is negative"), ("x", "is no number"), ("1.5", "whole"),
                    ("99999999999", "too large")):
        bad(125, "clone", ready(), "-n", n, ("--count: '" + n + "'", text))
    bad(125, "clone", ready(), ("-n", "how many"))
    bad(125, "clone", "-n", "3", ("FILE is missing",))
    r = snug("clone", ready(), "-n", "1000000", prefix=("prlimit", "--nofile=1024:4096"))
    expect(r, 125, "20000", "file descriptors", "4096", "hard limit")
    assert r.out == b"", r
    r = snug("clone", ready(), "-n", "100", prefix=("prlimit", "--nofile=64:4096"))
    assert expect(r, 7).out == 100 * REST, r


def test_clones_with_nobody_to_read():
    r, w = os.pipe()
    os.close(r)
    expect(clone(ready(), "-n", "3", stdout=w), 125, "stdout: Broken pipe")
    os.close(w)
    with open("/dev/full", "wb") as full:
        expect(clone(ready(), "-n", "3", stdout=full), 125, "stdout: No space left")


# ---- snapshot info


def test_info():
    r = expect(snug("snapshot", "info", "--json", "out.json", ready()), 0)
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in r.out.decode().splitlines())
    assert rows["fits here"] == "yes" and "version" in rows["file"] and rows["cpus"] == "1", rows
    assert "elf, mode long" in rows["guest"] and "16" in rows["memory"] and "serial" in rows["devices"], rows
    assert "checked" not in rows and r.err == "", r
    tap.narrow(r.out.decode())
    j = results()
    assert j["schema"] == 1 and j["fits"] is True and j["why"] == "" and j["verified"] is False, j
    assert j["mem_bytes"] >= 16 << 20 and 0 < j["data_bytes"] < 1 << 20 and j["file_bytes"] > 0, j
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", j["made"]), j


def test_info_reads_all_of_it_if_asked():
    assert b"as it was saved" in expect(snug("snapshot", "info", "--verify", ready()), 0).out
    whole = open(tap.path(ready()), "rb").read()
    spoilt = bytearray(whole)
    at = whole.find(b"prepared: counted")  # the guest's memory, which a look at the header does not read
    assert at > 0
    spoilt[at] ^= 1
    image("spoilt.snap", spoilt)
    expect(snug("snapshot", "info", "spoilt.snap"), 0)
    r = expect(snug("snapshot", "info", "--verify", "spoilt.snap"), 126)
    assert r.out == b"" and "spoilt.snap" in r.err, r


def test_info_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        expect(snug("snapshot", "info", ready(), stdout=full), 125, "stdout: No space left")


def test_words_of_snapshot():
    bad(125, "snapshot", ("needs one of: info", "snug snapshot info"))
    bad(125, "snapshot", "inof", ready(), ("does not know 'inof'", "snug snapshot info"))
    bad(125, "snapshot", "info", ("FILE is missing",))
    bad(125, "snapshot", "info", "a", "b", ("two files: 'a' and 'b'",))


# ---- files that are none


VERBS = (["restore"], ["clone", "-n", "2"], ["snapshot", "info"])


def each_verb(status, name, *texts):
    for verb in VERBS:
        bad(status, *verb, name, texts)


def test_no_such_file():
    each_verb(127, "nosuch.snap", "nosuch.snap", "No such file")
    each_verb(125, image("plain", b"x") + "/snap", "Not a directory")


def test_files_that_are_no_snapshots():
    each_verb(126, image("empty", b""))
    each_verb(126, image("text", b"hello, world\n"))
    each_verb(126, image("zeros", bytes(100000)))
    each_verb(126, image("a.elf", tap.elf64([(0x100000, guests.HLT, 0x1000)])))


def test_no_plain_files():
    os.mkfifo(tap.path("fifo"))
    for verb in VERBS:
        for name in (tap.FOLDER, "fifo", "/dev/zero", "/dev/null"):
            r = snug(*verb, name)
            assert r.status in (125, 126) and r.out == b"" and name in r.err, (verb, name, r)


def test_unreadable():
    name = ready()
    nobody = tap.as_nobody()
    os.chmod(tap.path(name), 0)
    try:
        for verb in VERBS:
            expect(snug(*verb, name, prefix=nobody), 125, "Permission denied")
    finally:
        os.chmod(tap.path(name), 0o600)


def test_a_file_others_may_write():
    name = image("open.snap", open(tap.path(ready()), "rb").read())
    os.chmod(name, 0o666)
    each_verb(125, name, "open.snap")
    os.chmod(name, 0o644)
    expect(snug("restore", name), 7)


def test_truncated():
    whole = open(tap.path(ready()), "rb").read()
    for n in (1, 7, 8, 16, 63, 64, 100, 1000, 4095, 4096, 8192, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        name = image("short.snap", whole[:n])
        for verb in VERBS:
            r = bad(126, *verb, name, ("short.snap",))
            assert "\n" in r.err, r


def test_flipped_bits():
    """In the first page and at the end, where all that is not memory lies, each is found; none brings snug down."""
    whole = open(tap.path(ready()), "rb").read()
    for at in [*range(0, 64, 3), *range(64, 4096, 199), *range(4096, 65536, 4099)]:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << at % 8
        name = image("flipped.snap", spoilt)
        r = snug("snapshot", "info", "--verify", name)
        if r.status == 0:
            assert whole[at] == 0, (at, r)
        assert r.status in (0, 1, 126), (at, r)
        r = snug("restore", "--timeout", "5", name)
        assert r.status >= 0 and r.status not in (134, 139), (at, r)


def test_kvm_missing():
    for verb in (["restore"], ["clone", "-n", "1"]):
        bad(125, *verb, "--kvm", "/nonexistent", ready(), ("/nonexistent", "No such file"))


def test_messages_do_not_act_on_the_terminal():
    for verb in VERBS:
        r = snug(*verb, "\x1b[2Jx")
        assert r.status == 127 and "\x1b" not in r.err, r


tap.main(globals())
