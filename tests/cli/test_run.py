# SPDX-License-Identifier: MIT
"""snug run: what ends a run, what goes where, the JSON file."""
import json
import os
import signal
import subprocess
import time

import guests
import tap
from tap import expect, image, snug

MODES = ["real", "protected", "long", "user"]


def run(code, *args, mode="long", **more):
    return snug("run", "--timeout", "20", "--mode", mode, *args, image("guest.bin", code), **more)


def results(name="out.json"):
    with open(tap.path(name), encoding="utf-8") as f:
        return json.load(f)


def test_output_is_byte_for_byte():
    for mode in MODES:
        r = run(guests.say("a\x00\n\x7f") + guests.debug_exit(0), mode=mode)
        assert r.out == b"a\x00\n\x7f" and r.err == "", r


def test_debug_exit_sets_the_status():
    for value in (0, 1, 0x15, 0x7F, 0xFF):
        expect(run(guests.debug_exit(value)), (value << 1 | 1) & 255)


def test_exit_call_sets_any_status():
    for status in (0, 1, 123, 124, 125, 255):
        expect(run(guests.exit_call(status)), status)


def test_a_return_to_nobody_is_nothing():
    # mov $0x5ec, %dx; out %al, %dx: what a called function's stub does, with no call under way
    expect(run(b"\x66\xba\xec\x05\xee" + guests.exit_call(9)), 9)


def test_halt_is_zero():
    expect(run(guests.HLT), 0)


def test_halt_with_interrupts_waits_for_the_timeout():
    begin = time.monotonic()
    expect(snug("run", "--mode", "long", "--timeout", "0.4", image("sti", guests.STI_HLT)), 124, "timeout",
           "halted with interrupts on")
    assert time.monotonic() - begin >= 0.4


def test_halt_with_interrupts_and_no_timeout_says_so():
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "long", image("sti", guests.STI_HLT)], stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL)
    line = p.stderr.readline()
    p.send_signal(signal.SIGINT)
    assert b"nothing can wake it" in line, line
    assert p.wait(10) == -signal.SIGINT


def test_reset_is_zero():
    expect(run(guests.RESET), 0)
    expect(run(guests.RESET_CF9), 0)


def test_reboot_starts_over():
    r = run(guests.say("x") + guests.RESET, "--reboot", "--timeout", "0.3", "--json", "out.json")
    expect(r, 124, "timeout")
    n = results()["reboots"]
    assert n >= 2 and n <= len(r.out) <= n + 1, (n, r)


def test_endless_loop_is_a_timeout():
    for mode in MODES:
        begin = time.monotonic()
        expect(run(guests.LOOP, "--timeout", "0.25", mode=mode), 124, "timeout: the guest was stopped after 0.25 s")
        assert time.monotonic() - begin < 5


def test_interrupt_ends_it_as_any_program():
    for number in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([tap.SNUG, "run", "--mode", "user", image("loop", guests.say("!") + guests.LOOP)],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert p.stdout.read(1) == b"!"
        p.send_signal(number)
        assert p.wait(10) == -number


def test_stopped_and_continued_it_goes_on():
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "user", "--timeout", "1.5",
                          image("loop", guests.say("!") + guests.LOOP)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert p.stdout.read(1) == b"!"
    p.send_signal(signal.SIGSTOP)
    p.send_signal(signal.SIGCONT)
    assert p.wait(10) == 124


def test_crash_says_where_in_every_mode():
    for mode in MODES:
        r = expect(run(guests.UD2, mode=mode), 123, "#UD", f"started in mode {mode}", "[0f] 0b", "cr0 ", "rax ")
        tap.narrow(r.err)
        assert "x1000:" in r.err if mode == "real" else "0x100000:" in r.err, r


def test_page_fault_is_decoded():
    write = bytes.fromhex("48b80000000000010000 8800".replace(" ", ""))  # mov $0x10000000000, %rax; mov %al, (%rax)
    r = expect(run(write, mode="user"), 123, "#PF page fault (vector 14), error code 0x6", "0x10000000000 (cr2)",
               "user write, page not present", "[88] 00")
    tap.narrow(r.err)
    jump = bytes.fromhex("48b80000000000010000 ffe0".replace(" ", ""))
    expect(run(jump), 123, "#PF page fault", "no memory is mapped there")


def test_triple_fault():
    tap.narrow(expect(run(guests.TRIPLE), 123, "triple fault", "KVM_EXIT_SHUTDOWN").err)


def test_input_reaches_the_guest():
    p = subprocess.run([tap.SNUG, "run", "--mode", "long", "--timeout", "20", image("echo", guests.ECHO)],
                       input=b"hello\x00\xffq", capture_output=True, timeout=60)
    assert p.returncode == 0 and p.stdout == b"hello\x00\xff", p


def test_no_input_does_not_block():
    r, w = os.pipe()
    p = subprocess.run([tap.SNUG, "run", "--mode", "long", "--timeout", "0.4", image("echo", guests.ECHO)], stdin=r,
                       capture_output=True, timeout=60)
    os.close(r)
    os.close(w)
    assert p.returncode == 124, p


def test_closed_stdin_is_no_input():
    p = subprocess.run(["sh", "-c", f"{tap.SNUG} run --mode long --timeout 0.3 {image('echo', guests.ECHO)} <&-"],
                       capture_output=True, timeout=60)
    assert p.returncode == 124, p


def test_closed_stdout_ends_the_run():
    r, w = os.pipe()
    os.close(r)
    expect(run(guests.say("x") + guests.LOOP, stdout=w, mode="user"), 125, "stdout: Broken pipe")
    os.close(w)


def test_full_stdout_ends_the_run():
    with open("/dev/full", "wb") as full:
        expect(run(guests.say("x") + guests.LOOP, stdout=full, mode="user"), 125, "stdout: No space left")


def test_unread_stdout_that_does_not_block_loses_nothing():
    r, w = os.pipe()
    os.set_blocking(w, False)
    # rep outsb of 256 KiB to 0x402: more than a pipe holds
    code = bytes.fromhex("be00001000 66ba0204 b900000400 f36e f4".replace(" ", ""))
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "long", "--timeout", "30", image("outs", code)], stdout=w,
                         stdin=subprocess.DEVNULL)
    os.close(w)
    time.sleep(0.2)
    got = 0
    while chunk := os.read(r, 65536):
        got += len(chunk)
    assert p.wait(30) == 0 and got == 0x40000, got


def test_timeout_while_nobody_reads_stdout():
    r, w = os.pipe()
    # mov $'A', %al; out %al, $0xe9; jmp to the out, for ever: more than a pipe holds
    start = time.monotonic()
    p = subprocess.Popen([tap.SNUG, "run", "--mode", "long", "--timeout", "1.5",
                          image("spam", bytes.fromhex("b041 e6e9 ebfc".replace(" ", "")))],
                         stdout=w, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    os.close(w)
    try:
        err = p.communicate(timeout=20)[1]
    finally:
        p.kill()
        os.close(r)
    assert p.returncode == 124 and "timeout" in err and time.monotonic() - start < 10, (p.returncode, err)


def test_stats_table():
    r = expect(run(guests.say("abc") + guests.exit_call(3), "--stats"), 3, "port 0x00e9 out", "port 0x05e0 out", "all ")
    tap.narrow(r.err)
    row = next(line for line in r.err.splitlines() if "0x00e9" in line).split()
    assert row[4] == "3", row
    assert "exits " in r.err and " KiB given" in r.err, r


def test_stats_count_what_no_device_claims():
    r = run(bytes([0xE6, 0x80, 0xE4, 0x80]) + guests.HLT, "--stats")  # out %al, $0x80; in $0x80, %al
    rows = [line.split() for line in expect(r, 0).err.splitlines() if "0x0080" in line]
    # a row in each of the two tables: how many there were, how many no device took
    assert sorted((x[3], x[4]) for x in rows) == [("in", "1"), ("in", "1"), ("out", "1"), ("out", "1")], r


def test_stats_of_pages():
    # mov $0xfed00000, %rax; mov %al, (%rax); mov (%rax), %al; hlt
    r = run(bytes.fromhex("48b80000d0fe00000000 8800 8a00 f4".replace(" ", "")), "--stats")
    expect(r, 0, "page 0xfed00000 wr", "page 0xfed00000 rd")
    tap.narrow(r.err)


def test_json_of_a_good_run():
    expect(run(guests.say("hi") + guests.exit_call(7), "--json", "out.json"), 7)
    j = results()
    assert j["schema"] == 1 and j["kind"] == "flat" and j["mode"] == "long" and j["entry"] == "0x100000", j
    assert j["result"]["status"] == 7 and j["result"]["set_by"] == "guest", j
    assert j["host"] in ("vmx", "svm", "pvm", "unknown") and j["wall_ns"] > 0, j
    rows = [s for s in j["stats"] if s.get("key") == "0xe9"]
    assert len(rows) == 1 and rows[0]["count"] == 2 and rows[0]["write"] is True, j
    assert 0 < rows[0]["run"]["p50_ns"] <= rows[0]["run"]["p99_ns"] <= rows[0]["run"]["max_ns"], j
    assert j["memory"]["given"] >= j["memory"]["touched"] >= j["memory"]["resident"] > 0, j
    assert j["kernel"]["exits"] > 0, j


def test_json_of_a_crash_and_a_timeout():
    expect(run(guests.UD2, "--json", "out.json"), 123)
    j = results()["result"]
    assert j["set_by"] == "snug" and j["fault"]["vector"] == 6 and j["fault"]["rip"] == "0x100000", j
    expect(run(guests.LOOP, "--timeout", "0.1", "--json", "out.json"), 124)
    assert results()["result"]["exit"] == "timeout", results()


def test_json_of_a_failure():
    expect(snug("run", "--json", "out.json", "nosuch"), 127)
    j = results()
    assert j["result"]["status"] == 127 and j["result"]["set_by"] == "snug" and "nosuch" in j["result"]["error"]["message"]


def test_json_tells_a_guests_125_from_snugs():
    expect(run(guests.exit_call(125), "--json", "out.json"), 125)
    assert results()["result"]["set_by"] == "guest"


def test_json_is_written_whole_or_not_at_all():
    folder = tap.path("json")
    os.mkdir(folder)
    expect(run(guests.HLT, "--json", os.path.join(folder, "a")), 0)
    assert os.listdir(folder) == ["a"]
    assert os.stat(os.path.join(folder, "a")).st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_json_that_cannot_be_written():
    expect(run(guests.HLT, "--json", "/nonexistent/out.json"), 125, "--json: /nonexistent/out.json")
    expect(run(guests.HLT, "--json", tap.FOLDER), 125, "--json", "Is a directory")


def test_json_to_a_device_leaves_the_device():
    expect(run(guests.HLT, "--json", "/dev/null"), 0)
    assert not os.path.isfile("/dev/null")
    expect(run(guests.HLT, "--json", "/dev/full"), 125, "--json: /dev/full: No space left")


def test_verbose_tells_what_was_loaded():
    expect(run(guests.HLT, "--verbose"), 0, "flat, mode long", "entry 0x100000", "ended by")


def test_load_entry_and_stack():
    # mov %rsp, %rax; shr $16, %rax; mov $0x5e0, %dx; out %eax, %dx
    code = bytes.fromhex("9090 4889e0 48c1e810 66bae005 ef".replace(" ", ""))
    r = run(code, "--load", "0x200000", "--entry", "0x200002", "--stack", "0x420000", "--verbose")
    expect(r, 0x42, "at 0x200000-0x20000e", "entry 0x200002", "stack 0x420000")


def test_elf_of_both_classes():
    code = guests.say("elf") + guests.exit_call(9)
    for data in (tap.elf64([(0x100000, code, 0x2000)]), tap.elf32([(0x100000, code, 0x2000)])):
        r = snug("run", "--timeout", "20", image("a.elf", data))
        assert r.status == 9 and r.out == b"elf", r


def test_boot_sector():
    sector = (guests.say("boot") + guests.HLT).ljust(510, b"\0") + b"\x55\xaa"
    r = snug("run", "--timeout", "20", image("disk", sector))
    assert r.status == 0 and r.out == b"boot", r


def test_memory_size():
    # mov $0x3fff000, %ebx; mov (%rbx), %al; out of RAM it reads all-ones, which is MMIO nobody claims
    code = bytes.fromhex("bb00f0ff03 8a03 25ff000000 66bae005 ef".replace(" ", ""))
    expect(run(code, "--mem", "64M"), 0)
    expect(run(code, "--mem", "63M"), 255)


def test_several_cpus():
    expect(run(guests.exit_call(4), "--cpus", "4"), 4)


def test_firmware():
    bios = "/usr/share/seabios/bios.bin"
    if not os.path.exists(bios):
        tap.skip("package seabios is not installed")
    r = snug("run", "--as", "firmware", "--timeout", "3", bios)
    assert b"SeaBIOS (version" in r.out, r
    expect(r, 124)


tap.main(globals())
