# SPDX-License-Identifier: MIT
"""snug run --report: the page, and what a browser makes of it."""
import html.parser
import json
import os
import re

import browser
import guests
import tap
from tap import expect, image, snug

EVIL = '</script><img src=x onerror="document.title=1"><!--<b>&amp;'
# 64 bit: name to the mark port, four bytes at a time as guest.h sends it: mov $word, %eax; out %eax, %dx
MARK = "loop </script><i>"


def mark(name):
    data = name.encode() + b"\0"
    data += b"\0" * (-len(data) % 4)
    words = b"".join(b"\xb8" + data[i:i + 4] + b"\xef" for i in range(0, len(data), 4))
    return b"\x66\xba\xe4\x05" + words


def report(code, *args, name="report.html"):
    r = snug("run", "--timeout", "20", "--mode", "long", "--report", name, *args, image("guest.bin", code))
    with open(tap.path(name), encoding="utf-8") as f:
        return r, f.read()


def script(page, which):
    return json.loads(re.search(f'<script type="application/json" id="{which}">(.*?)</script>', page, re.S).group(1))


class Tags(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.seen = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_the_page_has_all_of_the_run():
    r, page = report(guests.say("hi") + mark("here") + guests.exit_call(7))
    expect(r, 7)
    data, trace = script(page, "data"), script(page, "trace")
    assert data["result"]["status"] == 7 and data["console"]["text"] == "hi" and data["console"]["bytes"] == 2, data
    assert data["machine"]["kernel"] and data["host"] and any(s.get("key") == "0xe9" for s in data["stats"]), data
    assert [e["name"] for e in trace["traceEvents"] if e["ph"] == "i"] == ["here"], trace
    assert "crash" not in data


def test_it_needs_nothing_but_itself():
    _, page = report(guests.HLT)
    for tag, attrs in Tags(page).seen:
        assert "src" not in attrs and "href" not in attrs and tag not in ("img", "link", "iframe"), (tag, attrs)
    assert "default-src 'none'" in page and "@" + "NONCE@" not in page and "http://" not in page and "https://" not in page
    nonces = set(re.findall(r'nonce="(\w+)"', page))
    assert len(nonces) == 1 and len(nonces.pop()) == 32


def test_markup_of_the_guest_stays_text():
    _, page = report(guests.say(EVIL) + mark(MARK) + guests.HLT)
    _, plain = report(guests.HLT)
    assert [t for t, _ in Tags(page).seen] == [t for t, _ in Tags(plain).seen]
    assert script(page, "data")["console"]["text"] == EVIL
    assert MARK in [e["name"] for e in script(page, "trace")["traceEvents"]]


def test_bytes_that_are_no_text():
    code = b"".join(bytes([0xB0, c, 0xE6, 0xE9]) for c in b"\xff\xc3\xa9\x00\xed\xa0\x80|") + guests.HLT
    r, page = report(code)
    assert r.out == b"\xff\xc3\xa9\x00\xed\xa0\x80|"
    assert script(page, "data")["console"]["text"] == "\ufffd\u00e9\0\ufffd\ufffd\ufffd|"


def test_a_crash_is_told():
    r, page = report(guests.UD2)
    expect(r, 123)
    data = script(page, "data")
    assert "[0f] 0b" in data["crash"] and data["crash"] in r.err and "#UD" in data["result"]["error"]["message"], data


def test_a_long_console_is_cut_at_the_front():
    # rep outsb of 0x42000 bytes from 0x100000 on to 0xe9, then '!': mov $.., %esi; mov $0xe9, %dx; mov $.., %ecx
    code = bytes.fromhex("be00001000 66bae900 b900200400 f36e b021 ee f4".replace(" ", ""))
    r, page = report(code, "--timeout", "60")
    console = script(page, "data")["console"]
    assert len(r.out) == 0x42001 and console["bytes"] == 0x42001 and console["kept"] == 0x40000, console["kept"]
    assert console["text"].endswith("!") and len(page) < 8 << 20, len(page)


def test_no_such_image_still_gives_a_page():
    expect(snug("run", "--report", "none.html", "nosuch"), 127)
    with open(tap.path("none.html"), encoding="utf-8") as f:
        assert "nosuch" in script(f.read(), "data")["result"]["error"]["message"]


def test_a_page_that_cannot_be_written():
    expect(snug("run", "--report", "/nonexistent/r.html", "nosuch"), 125, "--report: /nonexistent/r.html")
    code = image("guest.bin", guests.HLT)
    expect(snug("run", "--mode", "long", "--report", "/dev/full", code), 125, "--report: /dev/full: No space left")


LOOP = (mark("loop") + guests.say("some words\n")) * 20


def page_for_browser(code, name):
    _, page = report(code, name=name)
    return tap.path(name), page


def shown(b):
    """What the timeline says it shows, in ns."""
    units = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}
    m = re.search(r": ([\d.]+) (\S+) of ([\d.]+) (\S+)", b.text("#range"))
    return float(m.group(1)) * units[m.group(2)], float(m.group(3)) * units[m.group(4)]


def canvas(b):
    return b.run("const c = document.getElementById('timeline'); c.scrollIntoView({block: 'center'});"
                 "const r = c.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]")


def test_the_timeline_zooms_and_tells_values():
    path, page = page_for_browser(LOOP + guests.exit_call(0), "zoom.html")
    events = [e for e in script(page, "trace")["traceEvents"] if e["ph"] == "X" and e["tid"] == 1]
    with browser.Browser() as b:
        b.open(path)
        assert b.run("return document.documentElement.dataset.ready") == "yes", b.log()
        now, whole = shown(b)
        assert abs(now - whole) < whole / 1000
        x, y, w, h = canvas(b)
        at = {"origin": "viewport", "x": int(x + w / 2), "y": int(y + 26 + 30)}
        for _ in range(12):
            b.act("wheel", [{"type": "scroll", "deltaX": 0, "deltaY": -240, "duration": 0, **at}])
        b.run("return new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        zoomed, _ = shown(b)
        assert zoomed < whole / 100, (zoomed, whole)
        b.act("pointer", [{"type": "pointerMove", "duration": 0, **at}, {"type": "pointerDown", "button": 0},
                          {"type": "pointerUp", "button": 0}], parameters={"pointerType": "mouse"})
        name, told = b.text("#readout b"), b.text("#readout span")
        # the event under the middle of the canvas, from the file itself
        middle = b.run("return toT(canvas.clientWidth / 2) / 1000")
        e = next(e for e in events if e["ts"] <= middle <= e["ts"] + e["dur"])
        assert name == e["name"], (name, e)
        value, unit = re.match(r"vCPU 0, ([\d.]+) (\S+) from", told).groups()
        ns = float(value) * {"ns": 1, "µs": 1e3, "ms": 1e6}[unit]
        assert abs(ns - e["dur"] * 1000) <= e["dur"] + 1, (told, e)
        b.run("document.getElementById('fit').click()")
        b.run("return new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        assert abs(shown(b)[0] - whole) < whole / 1000


def test_keys_step_from_event_to_event():
    path, page = page_for_browser(guests.say("abc") + guests.HLT, "keys.html")
    names = [e["name"] for e in script(page, "trace")["traceEvents"] if e["ph"] == "X" and e["tid"] == 1]
    with browser.Browser() as b:
        b.open(path)
        told = []
        for _ in range(4):
            b.run("const c = document.getElementById('timeline'); c.focus();"
                  "c.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true}))")
            told.append(b.text("#readout b"))
        assert told == names[:4], (told, names)


def test_a_browser_sees_text_not_markup():
    path, _ = page_for_browser(guests.say(EVIL) + mark(MARK) + guests.HLT, "evil.html")
    with browser.Browser() as b:
        b.open(path)
        assert b.text("#console") == EVIL
        assert b.text("#marks button") == MARK
        assert b.run("return [document.images.length, document.scripts.length]") == [0, 3]
        assert b.run("return document.title") == "guest.bin · snug report"
        assert b.log() == [], b.log()


def test_it_fits_phones_and_the_dark():
    path, _ = page_for_browser(LOOP + guests.UD2, "wide.html")
    with browser.Browser() as b:
        papers = []
        for width, dark in ((1200, False), (1200, True), (360, False), (360, True)):
            b.open(path, width=width, dark=dark)
            assert b.run("return document.documentElement.scrollWidth <= innerWidth"), (width, dark)
            papers.append(b.run("return getComputedStyle(document.body).backgroundColor"))
            assert b.run("return document.getElementById('timeline').clientWidth") > width * .8
            assert not b.run("return document.getElementById('crash-part').hidden")
        assert papers[0] == papers[2] != papers[1] == papers[3], papers
        assert b.log() == [], b.log()


tap.main(globals())
