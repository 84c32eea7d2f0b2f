#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/httpd: what each mode promises, and what only snug and fork do."""
import concurrent.futures
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "cli"), os.path.join(ROOT, "examples", "httpd")]
import tap  # noqa: E402
from load import Server, measure  # noqa: E402

FOLDER = os.path.join(tap.BUILD, "examples", "httpd")
HTTPD, PAGE = os.path.join(FOLDER, "httpd"), os.path.join(FOLDER, "page.elf")
TEXT = "# A & B\n\none **two** <b> `c*d*`\nand [link](https://a.example/?x=1&y) [bad](javascript:x)\n\n- i\n- *ii*\n\n```\n#x\n```\n"
HTML = """<h1>A &amp; B</h1>
<p>one <strong>two</strong> &lt;b&gt; <code>c*d*</code>
and <a href="https://a.example/?x=1&amp;y">link</a> [bad](javascript:x)</p>
<ul>
<li>i</li>
<li><em>ii</em></li>
</ul>
<pre>#x
</pre>
"""


def server(mode, *more):
    if not os.path.exists(HTTPD):
        tap.skip("libmicrohttpd-dev was missing when examples/httpd was to be built")
    return Server(FOLDER, mode, *more)


def ask(s, path, body=None):
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=20)
    try:
        c.request("POST" if body is not None else "GET", path, body)
        r = c.getresponse()
        return r.status, r.read().decode()
    finally:
        c.close()


def expect(s, path, status, text, body=None):
    got = ask(s, path, body)
    assert got[0] == status and text in got[1], (path, got)


def ends_well(s):
    status = s.end()
    assert status == 0, status


def answers(mode):
    with server(mode) as s:
        expect(s, "/", 200, "<h1>A page from an untrusted function</h1>")
        expect(s, "/", 200, HTML, TEXT)
        expect(s, "/nowhere", 404, "404")
        expect(s, "/", 413, "at most 16384 bytes", "x" * 17000)
        # The longest answer there is: each byte becomes six.
        expect(s, "/", 200, "&quot;" * 16000, '"' * 16000)
        ends_well(s)


def lives_on(mode, crash):
    """A crash and a loop cost one request each."""
    with server(mode, "--timeout-ms", "300") as s:
        for _ in range(3):
            expect(s, "/crash", 500, crash)
            expect(s, "/count", 200, "1\n")
        begin = time.monotonic()
        expect(s, "/loop", 504, "more than 300 ms")
        took = time.monotonic() - begin
        assert 0.3 <= took < 1.5, took
        expect(s, "/count", 200, "1\n")
        ends_well(s)


def clean(mode):
    """Each request finds memory as the first one did."""
    with server(mode) as s:
        for i in range(20):
            expect(s, "/", 200, "Request 1 of this memory", f"password=hunter{i}")
            got = ask(s, "/count")
            assert got == (200, "1\n"), got
        ends_well(s)


def no_secret(mode):
    """Not even a search through all of its memory finds what an earlier request brought, whichever VM is taken."""
    with server(mode) as s:
        for i in range(4):
            expect(s, "/", 200, f"password=hunter{i}", f"my password=hunter{i} is safe")
            got = ask(s, "/secret")
            assert got == (200, "nothing found\n"), got
        ends_well(s)


def parallel(mode):
    """50 at once, each with a text of its own and one answer for it, crashes among them."""
    def one(i):
        if i % 10 == 9:
            return ask(s, "/crash")[0] == 500
        status, html = ask(s, "/", f"number **{i}**")
        return status == 200 and f"<p>number <strong>{i}</strong></p>" in html and "Request 1 of" in html

    with server(mode) as s, concurrent.futures.ThreadPoolExecutor(50) as pool:
        done = list(pool.map(one, range(50)))
        assert all(done), done
        ends_well(s)


def wrk(mode):
    if not shutil.which("wrk"):
        tap.skip("wrk is missing")
    with server(mode) as s:
        rate, p50, p99 = measure(s.url, 1, 8)
        assert rate > 0 and 0 < p50 <= p99, (rate, p50, p99)
        ends_well(s)


def test_snug_answers():
    answers("snug")


def test_fork_answers():
    answers("fork")


def test_native_answers():
    answers("native")


def test_snug_survives_crash_and_loop():
    lives_on("snug", "#PF page fault")


def test_fork_survives_crash_and_loop():
    lives_on("fork", "Segmentation fault")


def test_snug_memory_is_clean():
    clean("snug")


def test_fork_memory_is_clean():
    clean("fork")


def test_snug_finds_no_secret():
    no_secret("snug")


def test_fork_finds_no_secret():
    no_secret("fork")


def test_snug_50_at_once():
    parallel("snug")


def test_fork_50_at_once():
    parallel("fork")


def test_snug_under_load():
    wrk("snug")


def test_native_protects_nothing():
    """The contrast: memory is shared, so the tests above can fail, and a crash is the server's."""
    with server("native") as s:
        expect(s, "/", 200, "Request 1 of this memory", "my password=hunter2 is safe")
        expect(s, "/count", 200, "2\n")
        expect(s, "/count", 200, "3\n")
        expect(s, "/secret", 200, "found: password=hunter2\n")
        try:
            got = ask(s, "/crash")
        except (ConnectionError, http.client.HTTPException):
            got = None
        assert got is None, got
        status = s.process.wait(10)
        # Sanitizers end the process by themselves.
        assert status == -signal.SIGSEGV or "asan" in tap.BUILD, status


def test_shutdown_while_a_request_loops():
    with server("snug", "--timeout-ms", "500") as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        looping = pool.submit(ask, s, "/loop")
        time.sleep(0.2)
        assert not looping.done()
        ends_well(s)


def test_bad_options():
    if not os.path.exists(HTTPD):
        tap.skip("libmicrohttpd-dev was missing when examples/httpd was to be built")
    for args, status, text in ((["--mode", "x", PAGE], 2, "--mode"), (["--port", "65536", PAGE], 2, "--port"),
                               ([], 2, "usage"), (["--port", "0", "/nowhere"], 1, "/nowhere"),
                               (["--port", "0", os.path.join(tap.BUILD, "guests", "functions.elf")], 1, "'handle'")):
        p = subprocess.run([HTTPD, *args], capture_output=True, text=True, timeout=20)
        assert p.returncode == status and text in p.stderr, (args, p)


tap.main(globals())
