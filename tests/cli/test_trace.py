# SPDX-License-Identifier: MIT
"""snug run --trace: the file keeps to the rules of the "Trace Event Format", and a reader finds in it what happened."""
import json
import os

import guests
import tap
from tap import expect, image, snug


def trace(code, *args, name="trace.json", mode="long"):
    r = snug("run", "--timeout", "30", "--mode", mode, "--trace", name, *args, image("guest.bin", code))
    with open(tap.path(name), "rb") as f:
        data = f.read()
    return r, json.loads(data.decode("utf-8", "strict"), parse_constant=lambda c: 1 / 0)


def check_rules(t):
    """What every trace must hold to; gives the events that have a time."""
    assert set(t) == {"displayTimeUnit", "otherData", "traceEvents"}, set(t)
    assert isinstance(t["otherData"]["lost"], int) and t["displayTimeUnit"] == "ns"
    named, ends, last = set(), {}, 0
    events = []
    for e in t["traceEvents"]:
        assert e["ph"] in ("M", "X", "i") and e["pid"] == 1 and isinstance(e["tid"], int) and isinstance(e["name"], str), e
        if e["ph"] == "M":
            assert e["name"] in ("thread_name", "process_name", "thread_sort_index"), e
            if e["name"] == "thread_name":
                assert e["tid"] not in named and e["args"]["name"], e
                named.add(e["tid"])
            continue
        assert e["ts"] >= last and e["tid"] in named, e
        last = e["ts"]
        if e["ph"] == "i":
            assert e["s"] == "t" and "dur" not in e, e
        else:  # on a track spans follow each other: nothing is nested wrongly
            assert e["dur"] >= 0 and e["ts"] >= ends.get(e["tid"], 0) - 1e-6, e
            ends[e["tid"]] = round(e["ts"] + e["dur"], 3)
        events.append(e)
    assert len(events) == t["otherData"]["events"] - t["otherData"]["lost"], t["otherData"]
    return events


def test_a_run_in_order():
    for mode in ("real", "protected", "long", "user"):
        r, t = trace(guests.say("ab") + bytes([0xE4, 0x80]) + guests.debug_exit(1), mode=mode)
        expect(r, 3)
        events = check_rules(t)
        exits = [e for e in events if e["tid"] == 1 and e["name"] != "KVM_RUN"]
        assert [e["name"] for e in exits] == ["out 0xe9", "out 0xe9", "in 0x80", "out 0xf4"], exits
        assert [e["args"]["value"] for e in exits if "value" in e["args"]] == ["0x61", "0x62", "0x1"], exits
        assert [e["args"]["claimed"] for e in exits] == [True, True, False, True]
        assert len([e for e in events if e["name"] == "KVM_RUN"]) == 4


def test_tracks_have_names():
    _, t = trace(guests.say("a") + guests.HLT)
    names = {e["tid"]: e["args"]["name"] for e in t["traceEvents"] if e["name"] == "thread_name"}
    assert names[1] == "vCPU 0" and "debugcon, port 0xe9" in names.values(), names
    (device,) = [e for e in check_rules(t) if e["tid"] != 1]
    assert names[device["tid"]] == "debugcon, port 0xe9" and device["args"]["vcpu"] == 0, device


def test_marks_with_any_bytes():
    # mov $0x5e4, %dx; then mov $byte, %al; out %al, %dx each
    name = b"\x01\"\\</script>\xff\xc3\xa9\xed\xa0\x80\x7f"
    code = b"\x66\xba\xe4\x05" + b"".join(bytes([0xB0, c, 0xEE]) for c in name + b"\0") + guests.HLT
    _, t = trace(code)
    (mark,) = [e for e in check_rules(t) if e["ph"] == "i"]
    assert mark["name"] == "\x01\"\\</script>\ufffd\u00e9\ufffd\ufffd\ufffd\x7f", mark


def test_marks_of_guest_h():
    guest = os.path.join(tap.BUILD, "guests", "marks.elf")
    r = snug("run", "--timeout", "30", "--trace", "marks.json", guest)
    expect(r, 0)
    with open(tap.path("marks.json"), encoding="utf-8") as f:
        events = check_rules(json.load(f))
    assert [e["name"] for e in events if e["ph"] == "i"] == ["say hello", "count primes", "tell", "serial line", "done"]


LOTS = bytes.fromhex("b9e0220200 e6e9 ffc9 75fa f4".replace(" ", ""))  # mov $140000, %ecx; 1: out %al, $0xe9; dec; jnz


def test_the_newest_or_all():
    r, t = trace(LOTS, "--verbose", "--timeout", "60")
    expect(r, 0, "--trace: the newest")
    assert t["otherData"]["events"] == 3 * 140000 + 2 and t["otherData"]["lost"] == 3 * (140001 - 131072), t["otherData"]
    assert check_rules(t)[-1]["name"] == "HLT"
    r, t = trace(LOTS, "--stream", "--timeout", "60")
    expect(r, 0)
    assert t["otherData"]["lost"] == 0
    assert len(check_rules(t)) == 3 * 140000 + 2
    assert [f for f in os.listdir(tap.FOLDER) if "snug-" in f or ".json." in f] == []


def test_a_timeout_has_its_trace():
    r, t = trace(guests.say("x") + guests.LOOP, "--timeout", "0.3")
    expect(r, 124)
    events = check_rules(t)
    assert events[-1]["name"] == "KVM_RUN" and events[-1]["dur"] > 200000, events[-1]


def test_a_crash_has_its_trace():
    r, t = trace(guests.UD2)
    expect(r, 123)
    (stub,) = [e for e in check_rules(t) if e["name"] == "out 0xfc"]  # no device has a part in it
    assert stub["tid"] == 1, stub


def test_what_cannot_be_written():
    code = image("guest.bin", guests.HLT)
    expect(snug("run", "--mode", "long", "--trace", "/nonexistent/t.json", code), 125, "--trace: /nonexistent/t.json")
    expect(snug("run", "--mode", "long", "--trace", "/dev/full", code), 125, "--trace: /dev/full: No space left")
    expect(snug("run", "--mode", "long", "--stream", code), 125, "--stream: there is no --trace")


tap.main(globals())
