# SPDX-License-Identifier: MIT
"""snug demo: nine steps in every mode."""
import re

import tap
from tap import expect, snug

MODES = ["real", "protected", "paged32", "long", "user"]


def demo(*args):
    r = snug("demo", *args)
    r.out = r.out.decode()
    tap.narrow(r.out)
    return r


def parts(r):
    """The text of each mode."""
    pieces = re.split(r"^(\w+) mode: .*$", r.out, flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


def test_every_mode_runs_or_is_refused():
    r = expect(demo(), 0)
    found = parts(r)
    assert list(found) == MODES, found.keys()
    for mode, text in found.items():
        if mode == "paged32" and "(pvm)" in r.out:
            assert "refused by this host" in text and "32-bit paging" in text, text
            continue
        assert "FAILED" not in text and "exit status 0" in text, text
        assert f"| I find myself in {mode} mode: right." in text and "wrong" not in text, text


def test_the_nine_steps_in_order():
    for mode, text in parts(demo()).items():
        if "refused" in text:
            continue
        steps = [int(m) for m in re.findall(r"^  ([1-9])  ", text, flags=re.M)]
        assert steps == list(range(1, 10)), (mode, text)
        for call in ("open", "KVM_CREATE_VM", "KVM_GET_API_VERSION", "KVM_SET_TSS_ADDR", "KVM_SET_USER_MEMORY_REGION",
                     "KVM_GET_SREGS", "KVM_SET_SREGS", "KVM_SET_REGS", "KVM_RUN", "KVM_EXIT_"):
            assert call in text, (call, text)


def test_each_call_has_a_result_and_a_time():
    for text in parts(demo()).values():
        for line in text.splitlines():
            if re.search(r"^.{31} *\d+  \w", line):
                assert re.search(r" \d+\.\d (us|ms|s )$", line + " ") or re.search(r" \d+\.\d (us|ms|s)\s*$", line), line


def test_calls_are_numbered_in_their_order():
    text = parts(demo("--mode", "real"))["real"]
    numbers = [int(n) for n in re.findall(r"^.{31} *(\d+)  [\w]", text, flags=re.M)]
    assert sorted(numbers) == sorted(set(numbers)) and min(numbers) == 1, numbers
    assert text.index("KVM_GET_API_VERSION") > text.index("KVM_CREATE_VCPU"), text


def test_one_mode():
    r = expect(demo("--mode", "user"), 0)
    assert list(parts(r)) == ["user"] and "1 mode ran" in r.out, r


def test_a_mode_it_has_no_guest_for():
    r = expect(demo("--mode", "reset"), 125, "--mode: the demo has no guest for mode reset")
    assert r.out == "", r


def test_no_kvm():
    expect(demo("--kvm", "/nonexistent"), 1, "open /nonexistent", "No such file")
    expect(demo("--kvm", "/dev/null"), 1, "KVM_GET_API_VERSION /dev/null")


def test_output_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        expect(snug("demo", stdout=full), 125, "stdout: No space left")


tap.main(globals())
