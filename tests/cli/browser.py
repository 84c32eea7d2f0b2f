# SPDX-License-Identifier: MIT
"""A headless Chromium, driven by the WebDriver protocol (W3C "WebDriver") with Python's own library alone."""
import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import tap

QUIET = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-default-apps",
         "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND"]
LIMIT = 60


class Browser:
    """with Browser() as b: ..."""

    def __enter__(self):
        if not (shutil.which("chromium") and shutil.which("chromedriver")):
            tap.skip("chromium and chromium-driver are not installed")
        self.profile = tempfile.mkdtemp(prefix="snug-chromium-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True)
        self.session = None
        for line in self.driver.stdout:
            m = re.search(r"started successfully on port (\d+)", line)
            if m:
                self.base = f"http://127.0.0.1:{m.group(1)}"
                break
        options = {"args": QUIET + [f"--user-data-dir={self.profile}"] + (["--no-sandbox"] if tap.is_root() else [])}
        caps = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": caps}})["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.ask("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{method} {path}: {e.read().decode()[:2000]}") from None

    def do(self, what, body=None, method="POST"):
        return self.ask(method, f"/session/{self.session}/{what}", body if method == "GET" else body or {})

    def devtools(self, command, **params):
        return self.do("goog/cdp/execute", {"cmd": command, "params": params})

    def open(self, path, width=1200, height=900, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=2 if width < 600 else 1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.do("url", {"url": "file://" + path})

    def run(self, script):
        return self.do("execute/sync", {"script": script, "args": []})

    def text(self, selector):
        return self.run(f"return document.querySelector({json.dumps(selector)}).textContent")

    def log(self):
        return self.do("se/log", {"type": "browser"})

    def act(self, kind, steps, **parameters):
        self.do("actions", {"actions": [{"type": kind, "id": kind, "actions": steps, **parameters}]})

    def picture(self, whole=True):
        size = self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"clip": {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}} if whole else {}
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        return base64.b64decode(shot["data"])
