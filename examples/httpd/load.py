#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a clean VM for each request costs: the server's three modes under wrk, in turn, on 127.0.0.1.

    examples/httpd/load.py [--seconds N] [--rounds N] [--connections N] [--path /] [BUILD]

All three servers stand the whole time; wrk asks one after the other, round by round, and the medians of the rounds are
shown.  With the defaults it takes about 20 seconds.
"""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODES = ("native", "fork", "snug")
UNITS = {"us": 1, "ms": 1000, "s": 1000000, "m": 60000000}


class Server:
    """A server on a port the kernel chose; ends with the `with` block."""

    def __init__(self, folder, mode, *more):
        self.process = subprocess.Popen([os.path.join(folder, "httpd"), "--port", "0", "--mode", mode, *more,
                                         os.path.join(folder, "page.elf")], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        m = re.fullmatch(rf"{mode}: (http://127\.0\.0\.1:(\d+)/)\n", line)
        if not m:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"httpd --mode {mode} did not start: {line!r}")
        self.url, self.port = m.group(1), int(m.group(2))

    def end(self, seconds=10):
        """SIGTERM, and the exit status; SIGKILL where that does not help."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.end()


def measure(url, seconds, connections):
    """Requests per second, and the latencies of half and of 99 of 100 requests in microseconds."""
    p = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "2s", "--latency", url],
                       capture_output=True, text=True, timeout=seconds + 10)
    rate = re.search(r"^Requests/sec:\s*([\d.]+)", p.stdout, re.M)
    times = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+\w+)", p.stdout, re.M))
    bad = re.search(r"Non-2xx.*|Socket errors.*", p.stdout)
    if p.returncode or not rate or len(times) != 2 or float(rate.group(1)) == 0:
        raise RuntimeError(f"wrk {url}: {p.stdout}{p.stderr}")
    if bad:
        raise RuntimeError(f"wrk {url}: {bad.group(0)}")

    def us(text):
        number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
        return float(number) * UNITS[unit]

    return float(rate.group(1)), us(times["50"]), us(times["99"])


def table(rows):
    native, fork = rows["native"][0], rows["fork"][0]
    print("| mode | requests/s | of native | of fork | p50 | p99 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for mode, (rate, p50, p99) in rows.items():
        print(f"| {mode} | {rate:.0f} | {rate / native:.2f} x | {rate / fork:.2f} x | {p50 / 1000:.2f} ms "
              f"| {p99 / 1000:.2f} ms |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build"))
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--path", default="/")
    args = parser.parse_args()
    folder = os.path.join(args.build, "examples", "httpd")
    for there, what in ((os.path.exists(os.path.join(folder, "httpd")), f"{folder}/httpd is not built"),
                        (shutil.which("wrk"), "wrk is missing (package wrk)")):
        if not there:
            sys.exit(f"load: {what}")
    with Server(folder, "native") as native, Server(folder, "fork") as fork, Server(folder, "snug") as snug:
        servers = dict(zip(MODES, (native, fork, snug)))
        seen = {mode: [] for mode in MODES}
        for _ in range(args.rounds):
            for mode, server in servers.items():
                seen[mode].append(measure(server.url + args.path.lstrip("/"), args.seconds, args.connections))
    print(f"{args.rounds} rounds of {args.seconds} s each, {args.connections} connections, medians; "
          f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    table({mode: [statistics.median(column) for column in zip(*seen[mode])] for mode in MODES})


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
        sys.exit(f"load: {e}")
