# SPDX-License-Identifier: MIT
"""The sandbox of run, restore, clone and call, from outside; tests/kvm/test_sandbox.c attacks it from inside."""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import guests
import tap
from tap import expect, image, path, skip, snug

SPIN = guests.say("up") + guests.LOOP
CRASH = guests.say("x") + guests.UD2
NAMESPACES = ("mnt", "pid", "ipc", "uts", "net")


def read(name):
    with open(name, encoding="utf-8", errors="replace") as f:
        return f.read()


def children(pid):
    return [int(p) for t in os.listdir(f"/proc/{pid}/task") for p in read(f"/proc/{pid}/task/{t}/children").split()]


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def status(pid, thread):
    return dict(re.findall(r"^(\w+):\s*(.*)$", read(f"/proc/{pid}/task/{thread}/status"), re.M))


class Running:
    """A verb that goes on until it is killed; it has said "up"."""

    def __init__(self, *args, said=b"up", **more):
        self.p = subprocess.Popen([tap.SNUG, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, cwd=tap.FOLDER, **more)
        if said:
            assert self.p.stdout.read(len(said)) == said, self.p.stderr.read()
        wait_for(lambda: len(children(self.p.pid)) == 1)
        self.child = children(self.p.pid)[0]

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.p.kill()
        self.p.communicate()


def need_sandbox():
    r = snug("check")
    lines = [x for x in r.out.decode().splitlines() if x[9:].startswith("sandbox, ")]
    assert len(lines) == 6, r
    if any(x.startswith("missing") for x in lines):
        skip("the kernel lacks a layer")


def all_confined(pids, threads=0):
    """Every thread; how many there are."""
    count = 0
    for pid in pids:
        for t in os.listdir(f"/proc/{pid}/task"):
            s = status(pid, t)
            assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1", (pid, t, s)
            for caps in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(s[caps], 16) == 0, (pid, t, caps, s)
            assert s["Seccomp_filters"] == "1", s
            count += 1
    assert count >= threads, count


def saved(name, code):
    expect(snug("run", "--mode", "long", "--save", name, image("to-save", code)), 0)
    return name


def test_every_thread_of_run():
    need_sandbox()
    with Running("run", "--mode", "long", "--timeout", "60", image("spin", SPIN)) as r:
        all_confined([r.p.pid, r.child], 2)


def test_every_thread_with_all_files():
    need_sandbox()
    with Running("run", "--mode", "long", "--timeout", "60", "--json", "o.json", "--trace", "o.trace", "--report", "o.html",
                 "--core", "o.core", "--save", "o.snap", "--stats", image("spin", SPIN)) as r:
        all_confined([r.p.pid, r.child], 2)


def test_every_thread_of_restore():
    need_sandbox()
    code = guests.HLT + SPIN  # a restored guest goes on behind the halt
    name = saved("spin.snap", code)
    with Running("restore", "--timeout", "60", name) as r:
        all_confined([r.p.pid, r.child], 2)


def test_every_thread_of_clones():
    need_sandbox()
    name = saved("spins.snap", guests.HLT + guests.LOOP)
    with Running("clone", "--timeout", "60", "-n", "4", name, said=b"") as r:
        wait_for(lambda: len(os.listdir(f"/proc/{r.child}/task")) >= min(4, os.cpu_count() or 1))
        wait_for(lambda: all(status(r.child, t)["Seccomp"] == "2" for t in os.listdir(f"/proc/{r.child}/task")))
        all_confined([r.p.pid, r.child], 2)


def test_every_thread_of_call():
    need_sandbox()
    with Running("call", "--timeout", "60", "--repeat", "1000000", os.path.join(tap.BUILD, "guests", "functions.elf"),
                 "add", "1", "2", said=b"") as r:
        wait_for(lambda: status(r.child, r.child)["Seccomp"] == "2")
        all_confined([r.p.pid, r.child], 2)


def test_namespaces_and_an_empty_root():
    need_sandbox()
    with Running("run", "--mode", "long", "--timeout", "60", image("spin", SPIN)) as r:
        for kind in NAMESPACES:
            ours, its = (os.readlink(f"/proc/{p}/ns/{kind}") for p in ("self", r.child))
            assert ours != its, kind
        assert os.readlink(f"/proc/{r.p.pid}/ns/net") == os.readlink(f"/proc/{r.child}/ns/net")
        assert os.listdir(f"/proc/{r.child}/root/") == []
        mounts = read(f"/proc/{r.child}/mounts").splitlines()
        assert len(mounts) == 1 and " / tmpfs ro," in mounts[0], mounts
        assert status(r.child, r.child)["NSpid"].split()[-1] == "1"


def test_descriptors_of_others_are_closed():
    need_sandbox()
    secret = os.open("/etc/passwd", os.O_RDONLY)
    with Running("run", "--mode", "long", "--timeout", "60", image("spin", SPIN), pass_fds=(secret,)) as r:
        for pid in (r.p.pid, r.child):
            there = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            assert "/etc/passwd" not in there, there
    os.close(secret)


def test_an_image_by_its_descriptor():
    fd = os.open(image("out", guests.say("ok") + guests.HLT), os.O_RDONLY)
    r = snug("run", "--mode", "long", f"/dev/fd/{fd}", pass_fds=(fd,))
    os.close(fd)
    assert expect(r, 0).out == b"ok", r


def test_no_guest_outlives_snug():
    need_sandbox()
    with Running("run", "--mode", "long", image("spin", SPIN)) as r:
        os.kill(r.p.pid, signal.SIGKILL)
        r.p.wait()
        wait_for(lambda: not os.path.exists(f"/proc/{r.child}/status") or
                 status(r.child, r.child)["State"].startswith(("Z", "X")))


def test_guest_memory_is_in_no_core_dump():
    need_sandbox()
    for option, flag in ((), True), (("--dumpable",), False):
        with Running("run", "--mode", "long", "--mem", "64M", "--timeout", "60", *option, image("spin", SPIN)) as r:
            maps = re.findall(r"^Size:\s+(\d+) kB.*?^VmFlags:([^\n]*)", read(f"/proc/{r.child}/smaps"), re.M | re.S)
            large = [" dd" in flags for size, flags in maps if int(size) >= 65536 and " wr" in flags]
            assert large and all(dd == flag for dd in large), (option, large)


# What goes on in the sandbox is what went on without.

def both(*args, code=None, files=()):
    """The same command with and without; all that is told must be the same."""
    seen = []
    for how in ("off", "on", "strict"):
        for f in files:
            if os.path.exists(path(f)):
                os.unlink(path(f))
        r = snug(args[0], "--sandbox", how, *args[1:], *([image("same", code)] if code else []))
        seen.append((r.status, r.out, re.sub(r"\s*-?\d+\.\d+ (us|ms|s)\b", " T", r.err), [os.path.exists(path(f)) for f in files]))
    assert seen[0] == seen[1] == seen[2], seen
    return seen[0]


def test_as_without_it():
    need_sandbox()
    assert both("run", "--mode", "long", code=guests.say("hi") + guests.exit_call(7))[:2] == (7, b"hi")
    assert both("run", "--mode", "real", code=guests.say("hi") + guests.HLT)[:2] == (0, b"hi")
    assert both("run", "--mode", "long", "--timeout", "0.2", code=guests.LOOP)[0] == 124
    assert both("run", "--mode", "long", code=guests.TRIPLE)[0] == 123
    assert both("run", "--mode", "long", "--core", "c", code=CRASH, files=["c"])[0] == 123
    assert both("run", "--mode", "long", "--json", "j", "--report", "r", "--trace", "t", code=CRASH,
                files=["j", "r", "t"])[3] == [True] * 3
    assert both("run", "--mode", "long", "--json", "j", "--trace", "t", "--stream", code=CRASH, files=["j", "t"])[0] == 123
    assert both("run", "--mode", "long", "--save", "s", code=guests.say("a") + guests.HLT + guests.say("b") + guests.HLT,
                files=["s"])[1] == b"a"
    assert both("restore", "s")[1] == b"b"
    assert both("restore", "--save", "s2", "s", files=["s2"])[1] == b"b"
    assert both("clone", "-n", "5", "s")[1] == b"b" * 5
    functions = os.path.join(tap.BUILD, "guests", "functions.elf")
    assert both("call", functions, "add", "2", "3")[1] == b"5\n"
    assert both("call", "--repeat", "3", functions, "add", "2", "3")[0] == 0
    assert both("run", "--mode", "long", "missing")[0] == 127
    assert both("run", "--mode", "long", "--kvm", "/dev/null", code=CRASH)[0] == 125


def test_files_have_their_mode_and_nothing_is_left():
    need_sandbox()
    folder = path("folder")
    os.mkdir(folder)
    old = os.umask(0o027)
    expect(snug("run", "--mode", "long", "--json", "folder/j", "--save", "folder/s", "--report", "folder/r",
                image("h", guests.HLT)), 0)
    os.umask(old)
    assert sorted(os.listdir(folder)) == ["j", "r", "s"], os.listdir(folder)
    assert [stat.S_IMODE(os.stat(os.path.join(folder, f)).st_mode) for f in "jrs"] == [0o640, 0o640, 0o600]
    assert json.loads(read(os.path.join(folder, "j")))["result"]["status"] == 0


def test_a_folder_that_is_not_to_be_written_is_told_before():
    if not tap.is_root():
        skip("only root can ask for a folder of another")
    need_sandbox()
    folder = path("foreign")
    os.mkdir(folder)
    os.chown(folder, 65534, 65534)
    os.chmod(folder, 0o755)
    r = expect(snug("run", "--mode", "long", "--json", "foreign/j", image("up", SPIN)), 125, "foreign/j: Permission denied")
    assert r.out == b"", r


def test_pipes_and_devices_are_written_to():
    need_sandbox()
    r, w = os.pipe()
    expect(snug("run", "--mode", "long", "--json", f"/dev/fd/{w}", image("h", guests.HLT), pass_fds=(w,)), 0)
    os.close(w)
    with os.fdopen(r) as f:
        assert json.load(f)["result"]["status"] == 0
    expect(snug("run", "--mode", "long", "--json", "/dev/null", image("h", guests.HLT)), 0)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_signal_ends_both_and_leaves_nothing():
    need_sandbox()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        folder = path(f"signal-{number}")
        os.mkdir(folder)
        with Running("run", "--mode", "long", "--json", f"{folder}/j", "--gdb", f"unix:{folder}/s", image("up", SPIN),
                     said=b"", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as r:
            wait_for(lambda: os.path.exists(f"{folder}/s") and status(r.child, r.child)["Seccomp"] == "2")
            r.p.send_signal(number)
            assert r.p.wait(timeout=20) == -number
            wait_for(lambda: not os.path.exists(f"/proc/{r.child}"))
            assert os.listdir(folder) == [], os.listdir(folder)


def test_whatever_the_parent_did_with_signals():
    name = image("seven", guests.exit_call(7))

    def ignored():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def blocked():
        signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)))

    for before in (ignored, blocked):
        expect(snug("run", "--mode", "long", name, preexec_fn=before), 7)


def test_stop_and_go_on():
    need_sandbox()
    with Running("run", "--mode", "long", "--timeout", "60", image("up", SPIN)) as r:
        r.p.send_signal(signal.SIGTSTP)
        wait_for(lambda: all(status(p, p)["State"].startswith("T") for p in (r.p.pid, r.child)))
        r.p.send_signal(signal.SIGCONT)
        wait_for(lambda: not any(status(p, p)["State"].startswith("T") for p in (r.p.pid, r.child)))


def test_a_debugger_comes_in():
    need_sandbox()
    for where in ("unix:dbg", "tcp:0"):
        with Running("run", "--mode", "long", "--timeout", "60", "--gdb", where, image("up", SPIN), said=b"") as r:
            line = r.p.stderr.readline().decode().split("target remote ")[1].strip()
            wait_for(lambda: status(r.child, r.child)["Seccomp"] == "2")
            s = socket.socket(socket.AF_UNIX if where[0] == "u" else socket.AF_INET)
            s.connect(path(line) if where[0] == "u" else ("127.0.0.1", int(line.split(":")[1])))
            s.sendall(b"$?#3f")
            assert s.recv(16).startswith(b"+"), where
            all_confined([r.p.pid, r.child], 2)
            s.close()


def in_user_namespace(script):
    r = subprocess.run(["unshare", "-U", "-r", "sh", "-c", script], capture_output=True, text=True, cwd=tap.FOLDER,
                       timeout=60, check=False)
    if "unshare: " in r.stderr:
        skip("no user namespaces")
    return r


def test_what_is_missing_is_told():
    need_sandbox()
    take = "echo 0 >/proc/sys/user/max_net_namespaces || exit 99; "
    name = image("hi", guests.say("hi") + guests.HLT)
    r = in_user_namespace(f"{take} exec {tap.SNUG} run --mode long {name}")
    if r.returncode == 99 or "open /dev/kvm" in r.stderr:
        skip("no such limit, or no KVM, in a user namespace")
    assert r.returncode == 0 and r.stdout == "hi", r
    assert r.stderr.count("the sandbox is not whole here, without: network namespace") == 1, r
    r = in_user_namespace(f"{take} exec {tap.SNUG} run --sandbox strict --mode long {name}")
    assert r.returncode == 125 and r.stdout == "" and "--sandbox strict" in r.stderr and "network" in r.stderr, r
    r = in_user_namespace(f"{take} exec {tap.SNUG} check")
    assert re.search(r"^missing  sandbox, namespaces .*lost: network", r.stdout, re.M), r


def test_without_privileges():
    if not tap.is_root():
        skip("the tests run without them")
    need_sandbox()
    device, name = path("kvm-for-all"), image("out", guests.say("hi") + guests.exit_call(3))
    os.mknod(device, 0o666 | stat.S_IFCHR, os.stat("/dev/kvm").st_rdev)
    os.chmod(device, 0o666)
    os.chmod(tap.FOLDER, 0o755)
    folder = path("nobodys")
    os.mkdir(folder)
    os.chown(folder, 65534, 65534)
    copy = path("snug-copy")
    subprocess.run(["cp", tap.SNUG, copy], check=True)
    r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy, "run", "--sandbox",
                        "strict", "--kvm", device, "--mode", "long", "--json", "nobodys/j", name], capture_output=True,
                       cwd=tap.FOLDER, timeout=60, check=False)
    if b"namespace (" in r.stderr or b"open " in r.stderr:
        skip("no user namespaces, or no device, for others than root")
    assert r.returncode == 3 and r.stdout == b"hi" and r.stderr == b"", r
    assert os.stat(path("nobodys/j")).st_uid == 65534


def test_words():
    expect(snug("run", "--sandbox", "firm", "x"), 125, "unknown sandbox 'firm'", "on, off and strict")


tap.main(globals())
