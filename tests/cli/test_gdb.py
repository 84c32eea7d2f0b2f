# SPDX-License-Identifier: MIT
"""snug run --gdb, driven by gdb itself."""
import os
import re
import signal
import socket
import subprocess
import time

import guests
import tap
from tap import expect, image, snug

# The same bytes in every mode: nop; mov $'A', %al; out %al, $0xe9; nop; nop; in $0x10, %al; nop; nop; nop; then
# mov $3, %al; out %al, $0xf4 (status 7)
CODE = bytes.fromhex("90 b041 e6e9 90 90 e410 90 90 90 b003 e6f4".replace(" ", ""))
BASE = {"real": 0x1000, "protected": 0x100000, "long": 0x100000, "user": 0x100000}


class Guest:
    """A guest under --gdb; stops it where the test forgot."""

    def __init__(self, code, mode, *args, where="unix:s"):
        self.socket = tap.path("s")
        self.p = subprocess.Popen([tap.SNUG, "run", "--timeout", "40", "--mode", mode, "--gdb", where, *args,
                                   image("guest.bin", code)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, cwd=tap.FOLDER)
        line = self.p.stderr.readline().decode()
        assert "waiting for gdb: target remote " in line, line
        self.target = line.split("target remote ")[1].strip()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.p.poll() is None:
            self.p.kill()
        self.p.communicate()

    def end(self):
        out, err = self.p.communicate(timeout=tap.LIMIT)
        r = tap.Result(self.p.returncode, out, err.decode("utf-8", "replace"))
        assert "Sanitizer" not in r.err and "runtime error" not in r.err, r
        return r

    def ticks(self):
        """CPU time of the process that runs the guest: in a sandbox it is snug's only child."""
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            pid = (f.read().split() or [self.p.pid])[0]
        with open(f"/proc/{pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))

    def gdb(self, *commands, **more):
        return gdb(f"target remote {self.target}", *commands, **more)


def gdb(*commands, before=()):
    args = ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off"]
    for c in (*before, *commands):
        args += ["-ex", c]
    try:
        p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=tap.LIMIT,
                           stdin=subprocess.DEVNULL, cwd=tap.FOLDER)
    except FileNotFoundError:
        tap.skip("gdb is missing")
    return p.stdout


def has(text, *wanted):
    """All of them, in this order."""
    at = 0
    for w in wanted:
        m = re.compile(w).search(text, at)
        assert m, (w, text)
        at = m.end()


def session(mode, code, *commands, args=()):
    with Guest(code, mode, *args) as g:
        return g.gdb(*commands), g.end()


def test_first_instruction_and_steps():
    for mode, base in BASE.items():
        text, r = session(mode, CODE, r"x/2i $pc", "stepi", "stepi", "stepi", "stepi", "stepi", "stepi", "p/x $pc",
                          "p/x $al")
        has(text, f"=> 0x{base:x}:\tnop", r"mov +\$0x41,%al", f"0x0*{base + 1:x} in", f"0x0*{base + 3:x} in",
            f"0x0*{base + 5:x} in", f"0x0*{base + 6:x} in", f"0x0*{base + 7:x} in", f"0x0*{base + 9:x} in",
            f"= 0x{base + 9:x}", "= 0xff")
        # gdb lets go of the guest when it quits: it runs to its end.
        assert r.out == b"A" and r.status == 7, r


def test_software_and_hardware_breakpoints():
    for mode, base in BASE.items():
        for command in ("break", "hbreak"):
            text, r = session(mode, CODE, f"{command} *{base + 9}", f"{command} *{base + 11}", "continue",
                              "x/4xb $pc", "continue", "continue")
            has(text, f"Breakpoint 1, 0x0*{base + 9:x}", "0x90\t0x90\t0x90\t0xb0", f"Breakpoint 2, 0x0*{base + 11:x}",
                "exited with code 07")
            assert r.status == 7, r


def test_more_breakpoints_than_debug_registers():
    for mode, base in BASE.items():
        stops = (1, 3, 5, 6, 7, 9, 10, 11)
        text, r = session(mode, CODE, *(f"break *{base + n}" for n in stops), *["continue"] * (len(stops) + 1))
        has(text, *(f"Breakpoint {i}, 0x0*{base + n:x}" for i, n in enumerate(stops, 1)), "exited with code 07")
        assert r.status == 7 and r.out == b"A", r


def test_breakpoint_in_a_loop():
    # mov $3, %cl; l: nop; dec %cl; jnz l; hlt
    code = bytes.fromhex("b103 90 fec9 75fb f4".replace(" ", ""))
    for mode, base in BASE.items():
        if mode == "user":
            code = code[:-1] + guests.debug_exit(0)
        text, r = session(mode, code, f"break *{base + 2}", *["continue", "p/d $cl"] * 3, "continue")
        has(text, "= 3", "= 2", "= 1", "exited")


def test_registers_are_read_and_written():
    for mode, base in BASE.items():
        wide = mode in ("long", "user")
        sp = "$rsp" if wide else "$esp"
        text, r = session(mode, CODE, "set $eax = 0x12345678" if not wide else "set $rax = 0x123456789abcdef0",
                          "p/x $eax" if not wide else "p/x $rax", f"p/x {sp}", "p/x $cs", "p/x $cr0", "p/x $efer",
                          "set $xmm0.uint128 = 0x77", "p/x $xmm0.uint128", "p/x $fctrl", "p/x $gdt_limit",
                          f"set $pc = {base + 12}", "p $eflags")
        stack, cs, cr0, efer = {"real": ("7000", "0", "10", "0"), "protected": ("1000000", "8", "33", "0"),
                                "long": ("1000000", "18", "80010033", "500"),
                                "user": ("1000000", "2b", "80010033", "500")}[mode]
        has(text, "= 0x123456789abcdef0" if wide else "= 0x12345678", f"= 0x{stack}\n", f"= 0x{cs}\n", f"= 0x{cr0}\n",
            f"= 0x{efer}\n", "= 0x77\n", "= 0x37f\n", "= 0x")
        assert r.status == 7 and r.out == b"", r  # the part that prints was jumped over


def test_mxcsr():
    # stmxcsr 0x20000; then as CODE.  In user mode, since the emulator of kvm_pvm does not know it.
    text, r = session("user", bytes.fromhex("0fae1c2500000200") + CODE, "p/x (int)$mxcsr", "set $mxcsr = 0x1f00",
                      "set $cr4 = $cr4 | 0x200", "set $mxcsr = 0xffff0000", "stepi", "x/xw 0x20000", "p/x (int)$mxcsr")
    has(text, "= 0x1f80\n", "Could not write register", "0x20000:\t0x00001f00", "= 0x1f00\n")
    assert r.status == 7, r


def test_memory_is_read_and_written():
    for mode, base in BASE.items():
        text, r = session(mode, CODE, f"set *(char *){base + 2} = 'Z'", f"x/4xb {base}", "x/2xb 0x20000",
                          "set {int}0x20000 = 0x55667788", "x/4xb 0x20000", "x/xb 0xd0000000")
        has(text, "0x90\t0xb0\t0x5a\t0xe6", "0x00\t0x00", "0x88\t0x77\t0x66\t0x55", "Cannot access memory at")
        assert r.out == b"Z", r


def test_watchpoint():
    # 64 and 32 bit: mov $0x20000, %ecx; nop; incl (%ecx or %rcx); nop; incl (...); nop; then status 7
    code = bytes.fromhex("b900000200 90 ff01 90 ff01 90 b003 e6f4".replace(" ", ""))
    for mode in ("protected", "long", "user"):
        text, r = session(mode, code, "watch *(int *)0x20000", "continue", "continue", "delete", "continue")
        has(text, "atchpoint 1: ", "Old value = 0", "New value = 1", "0x0*100008 in", "Old value = 1", "New value = 2",
            "0x0*10000b in", "exited with code 07")
        assert r.status == 7, r


def test_breakpoint_while_watching():
    code = bytes.fromhex("b900000200 90 ff01 90 ff01 90 b003 e6f4".replace(" ", ""))
    for mode in ("protected", "long", "user"):
        text, r = session(mode, code, "watch *(int *)0x20004", "break *0x100008", "continue", "continue")
        has(text, "Breakpoint 2, 0x0*100008", "exited with code 07")


def test_interrupt_and_resume():
    for mode, base in BASE.items():
        with Guest(guests.LOOP + CODE, mode) as g:
            p = subprocess.Popen(["gdb", "-nx", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, cwd=tap.FOLDER, start_new_session=True)
            p.stdin.write(f"set pagination off\nset confirm off\ntarget remote {g.target}\ncontinue\n".encode())
            p.stdin.flush()
            for line in p.stdout:
                if b"Continuing" in line:
                    break
            time.sleep(0.2)
            p.send_signal(signal.SIGINT)
            p.stdin.write(f"p/x $pc\nset $pc = {base + 2}\ncontinue\nquit\n".encode())
            out, _ = p.communicate(timeout=tap.LIMIT)
            has(out.decode(), "SIGINT", f"= 0x{base:x}\n", "exited with code 07")
            assert g.end().out == b"A"


def test_fault_shows_where_it_happened():
    for mode, base in BASE.items():
        text, r = session(mode, b"\x90" + guests.UD2, "continue", "x/i $pc", "p/x $pc", "info registers", "continue")
        has(text, "SIGILL", "ud2", f"= 0x{base + 1:x}\n", "Program terminated with signal SIGILL")
        assert r.status == 123 and "invalid opcode" in r.err, r


def test_fault_can_be_mended():
    # movabs $0x7fff00000000, %rcx; mov (%rcx), %al; then as CODE
    code = b"\x48\xb9" + (0x7fff00000000).to_bytes(8, "little") + b"\x8a\x01" + CODE
    for mode in ("long", "user"):
        text, r = session(mode, code, "continue", "x/i $pc", "p/x $cr2", "set $rcx = 0x1000", "signal 0")
        has(text, "SIGSEGV", r"mov +\(%rcx\),%al", "= 0x7fff00000000", "exited with code 07")
        assert r.status == 7 and r.out == b"A", r


def test_guests_own_int3():
    for mode, base in BASE.items():
        text, r = session(mode, b"\x90\xcc" + CODE, "continue", "p/x $pc", "continue")
        has(text, "SIGTRAP", f"= 0x{base + 2:x}\n", "exited with code 07")


def test_monitor_commands():
    text, r = session("long", CODE, "monitor help", "monitor walk 0x100000", "monitor walk 0x7fff00000000",
                      "monitor xp 0x100000 4", "monitor xp 0xd0000000 2", "monitor stats", "stepi", "stepi", "stepi",
                      "monitor stats", "monitor reset", "maintenance flush register-cache", "p/x $pc", "monitor frobnicate",
                      "monitor xp 0 99999", "monitor walk")
    has(text, "monitor walk ADDR", "4-level paging", "level 2, entry at 0x", "linear 0x100000 is guest physical 0x100000",
        "level 4, entry at", "not mapped: that entry is not present",
        "000000100000: 90 b0 41 e6", "0000d0000000: -- --", "KVM_EXIT_IO +port 0xe9 out", "back at 0x100000",
        "= 0x100000\n", "no command 'frobnicate'", "1 to 1024", "the address is missing")
    assert r.out == b"AA" and r.status == 7, r


def test_detach_and_come_back():
    with Guest(guests.LOOP + CODE, "long") as g:
        text = g.gdb("detach")
        has(text, "detached")
        time.sleep(0.2)
        assert g.p.poll() is None  # it runs
        text = g.gdb("p/x $pc", "set $pc = 0x100002", "continue")
        has(text, "= 0x100000\n", "exited with code 07")
        assert g.end().status == 7


def test_debugger_that_goes_away_leaves_it_standing():
    with Guest(CODE, "long") as g:
        text = g.gdb("stepi", "disconnect")
        time.sleep(0.1)
        assert g.p.poll() is None
        has(g.gdb("p/x $pc"), "= 0x100001\n")
        r = g.end()
        assert r.status == 7 and "went away" in r.err, (text, r)


def test_kill_ends_it():
    with Guest(guests.LOOP, "long") as g:
        g.gdb("kill")
        expect(g.end(), 125, "gdb killed the guest")


def test_tcp_and_threads():
    with Guest(CODE, "long", "--cpus", "2", where="tcp:0") as g:
        text = g.gdb("info threads", "thread 2", "p/x $cs_base", "thread 1", "stepi", "p/x $pc")
        has(text, r"\* 1 .*vCPU 0, 64-bit, CPL 0", r"2 .*vCPU 1, not started, real mode", "= 0xffff0000", "= 0x100001\n")
        assert g.end().status == 7


def test_firmware_starts_at_the_reset_vector():
    rom = bytearray(b"\x90" * 65536)
    rom[0xFFF0:0xFFF5] = b"\xb0\x03\xe6\xf4\xf4"
    with Guest(bytes(rom), "reset", "--as", "firmware") as g:
        text = g.gdb("x/2i $pc", "break *0xfffffff2", "continue", "p/x $eip - $cs_base", "continue")
        has(text, r"0xfffffff0:\tmov +\$0x3,%al", "Breakpoint 1, 0xfffffff2", "= 0xfff2", "exited with code 07")


def test_real_mode_segments():
    # jmp $0x1000, $0x0008 leads to linear 0x10008, where CODE stands too
    code = bytearray(b"\xea\x08\x00\x00\x10" + b"\x90" * 0xf003 + CODE)
    with Guest(bytes(code), "real") as g:
        text = g.gdb("stepi", "p/x $pc", "p/x $cs", "x/i $pc+1", "break *0x10011", "continue", "set $pc = 0x10014",
                     "continue")
        has(text, "= 0x10008\n", "= 0x1000\n", r"mov +\$0x41,%al", "Breakpoint 1, 0x00010011", "exited with code 07")


def test_reboot_begins_a_new_session():
    with Guest(guests.RESET, "long", "--reboot") as g:
        has(g.gdb("continue"), "exited normally")
        has(g.gdb("p/x $pc", "kill"), "= 0x100000\n")
        expect(g.end(), 125)


def test_halt_with_interrupts_waits_for_the_debugger():
    with Guest(b"\xfb\xf4" + CODE, "long") as g:
        has(g.gdb("stepi", "stepi", "p/x $pc", "continue"), "= 0x100002\n", "exited with code 07")


def test_debugger_comes_back_to_a_halted_guest():
    with Guest(b"\xfb\xf4" + CODE, "long") as g:
        g.gdb("detach")
        time.sleep(0.1)
        has(g.gdb("p/x $pc", "continue"), "= 0x100002\n", "exited with code 07")
        assert g.end().status == 7


def test_garbage_does_no_harm():
    with Guest(CODE, "long", where="unix:s") as g:
        s = socket.socket(socket.AF_UNIX)
        s.connect(g.socket)
        s.sendall(b"$" + b"x" * 100000 + b"#00" + b"$m0,ffffffffffffffff#00" + bytes(range(256)) * 40)
        s.sendall(b"$g#67" * 2000)  # and never reads
        time.sleep(0.3)
        s.close()
        has(g.gdb("p/x $pc"), "= 0x100000\n")
        assert g.end().status == 7


def test_timeout_counts_while_it_stands():
    r = snug("run", "--timeout", "0.3", "--mode", "long", "--gdb", "unix:s", image("g", CODE))
    expect(r, 124, "timeout")
    assert not os.path.exists(tap.path("s"))


def test_bad_places():
    for where, text in (("1234", "tcp:PORT or unix:PATH"), ("tcp:", "no number from 0 to 65535"),
                        ("tcp:70000", "no number"), ("tcp:12x", "no number"), ("unix:", "empty"),
                        ("unix:" + "x" * 200, "longer than"), ("unix:/nonexistent/s", "No such file")):
        expect(snug("run", "--gdb", where, image("g", CODE)), 125, text)


def test_stale_socket_is_taken_over():
    s = socket.socket(socket.AF_UNIX)
    s.bind(tap.path("s"))
    s.listen(1)
    expect(snug("run", "--mode", "long", "--gdb", "unix:s", image("g", CODE)), 125, "Address already in use")
    s.close()
    expect(snug("run", "--timeout", "0.2", "--mode", "long", "--gdb", "unix:s", image("g", CODE)), 124)


def test_busy_socket_is_not_waited_for():
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as other:
        s.bind(tap.path("s"))
        s.listen(0)
        other.connect(tap.path("s"))  # its queue is full now
        expect(snug("run", "--mode", "long", "--gdb", "unix:s", image("g", CODE)), 125, "Address already in use")
    os.unlink(tap.path("s"))


def test_files_are_not_taken_for_sockets():
    path = image("mine", b"mine")
    os.symlink("mine", tap.path("link"))
    for name in ("mine", "link"):
        expect(snug("run", "--gdb", f"unix:{name}", image("g", CODE)), 125, "Address already in use")
        with open(path, "rb") as f:
            assert f.read() == b"mine"


def test_knock_does_not_stop_a_detached_guest():
    with Guest(guests.LOOP + CODE, "long") as g:
        g.gdb("detach")
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(g.socket)
            time.sleep(0.1)
        before = g.ticks()
        time.sleep(0.5)
        assert g.ticks() > before, before  # it runs
        has(g.gdb("set $pc = 0x100002", "continue"), "exited with code 07")
        assert "went away" not in g.end().err


tap.main(globals())
