# SPDX-License-Identifier: MIT
"""snug check: its rows, its statuses, its JSON."""
import json
import os
import stat
import subprocess

import tap
from tap import expect, image, snug


def check(*args, **more):
    r = snug("check", *args, **more)
    r.out = r.out.decode()
    tap.narrow(r.out)
    r.words = " ".join(r.out.split())  # unfolded
    return r


def row(r, name):
    """State, value and the rest of the row of that name."""
    for line in r.out.splitlines():
        if line[9:].startswith(name + " "):
            return line[:8].strip(), line[44:52].strip(), line[53:]
    raise AssertionError((name, r))


def test_guests_can_run_here():
    r = expect(check(), 0)
    assert "Guests can run here." in r.out and not any(x.startswith("FAIL") for x in r.out.splitlines()), r
    assert row(r, "API version")[:2] == ("ok", "12"), r
    assert row(r, "KVM kind")[1] in ("vmx", "svm", "pvm", "unknown"), r
    assert row(r, "a guest")[0] == "ok", r


def test_each_capability_has_a_row():
    r = check()
    for name in ("KVM_CAP_USER_MEMORY", "KVM_CAP_SET_TSS_ADDR", "KVM_CAP_READONLY_MEM", "KVM_CAP_IMMEDIATE_EXIT"):
        state, value, _ = row(r, name)
        assert state in ("ok", "missing") and int(value) >= 0, r


def test_what_is_missing_says_what_is_lost():
    r = check()
    for line in r.out.splitlines():
        if line.startswith("missing"):
            assert line[53:].strip(), r
    state, value, text = row(r, "mode paged32")
    if row(r, "KVM kind")[1] == "pvm":
        assert (state, value) == ("missing", "no") and "lost" in text, r
    else:
        assert (state, value) == ("ok", "yes"), r


def test_limits():
    r = check()
    for name in ("RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS"):
        row(r, name)
    p = subprocess.run(["sh", "-c", f"ulimit -n 32; exec {tap.SNUG} check"], capture_output=True, text=True, timeout=60)
    assert p.returncode == 0 and "fix: ulimit -n 1024" in p.stdout, p


def test_json():
    expect(check("--json", "check.json"), 0)
    with open(tap.path("check.json"), encoding="utf-8") as f:
        j = json.load(f)
    assert j["schema"] == 1 and j["guests_run"] is True and j["host"] in ("vmx", "svm", "pvm", "unknown"), j
    names = [x["name"] for x in j["rows"]]
    assert "a guest" in names and "KVM_CAP_USER_MEMORY" in names and len(names) == len(set(names)), names
    assert all(x["state"] in ("ok", "missing") for x in j["rows"]), j


def test_json_that_cannot_be_written():
    expect(check("--json", "/nonexistent/a"), 125, "--json: /nonexistent/a")


def test_no_device():
    r = expect(check("--kvm", "/nonexistent"), 1)
    assert row(r, "device")[0] == "FAIL" and "fix:" in r.out and "Guests cannot run here" in r.out, r
    expect(check("--kvm", "/nonexistent", "--json", "no.json"), 1)
    with open(tap.path("no.json"), encoding="utf-8") as f:
        j = json.load(f)
    assert j["guests_run"] is False and j["rows"][0]["state"] == "FAIL" and j["rows"][0]["fix"], j


def test_a_file_and_a_wrong_device():
    r = expect(check("--kvm", image("plain", b"x")), 1)
    assert "is no device file" in r.words, r
    r = expect(check("--kvm", "/dev/null"), 1)
    assert row(r, "API version")[0] == "FAIL" and "/dev/kvm" in r.words, r


def test_no_permission():
    nobody = tap.as_nobody()
    if not nobody:
        tap.skip("needs root, to make a device file")
    node = tap.path("kvm")
    os.mknod(node, 0o600 | stat.S_IFCHR, os.stat("/dev/kvm").st_rdev)
    for mode, group, fix in ((0o660, 12345, "usermod -aG 12345"), (0o600, 0, "chgrp kvm")):
        os.chown(node, 0, group)
        os.chmod(node, mode)
        r = expect(check("--kvm", node, prefix=nobody), 1)
        assert "Permission denied" in r.words and fix in r.words, r


tap.main(globals())
