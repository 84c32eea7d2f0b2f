# SPDX-License-Identifier: MIT
"""Help, version, man pages and completions: all from one table."""
import os
import re
import shutil
import subprocess

import tap
from tap import expect, snug

VERBS = ["run", "restore", "clone", "call", "snapshot", "check", "demo"]


def options(verb):
    """Those with a line of their own, and those that are only named."""
    text = expect(snug("help", verb), 0).out.decode()
    rare = re.search(r"^  and, see the man page:(.*)", text, flags=re.M)
    return sorted(re.findall(r"^  --([a-z-]+)", text, flags=re.M) + re.findall(r"--([a-z-]+)", rare.group(1) if rare else ""))


def built(*parts):
    name = os.path.join(tap.BUILD, *parts)
    if not os.path.exists(name):
        tap.skip(f"{'/'.join(parts)} was not built")
    return name


def test_version():
    assert re.fullmatch(rb"snug \d+\.\d+\.\d+\n", expect(snug("--version"), 0).out)


def test_help_fits_a_screen():
    for words in (["--help"], ["help"], *([v, "--help"] for v in VERBS)):
        r = expect(snug(*words), 0)
        text = r.out.decode()
        tap.narrow(text)
        assert len(text.splitlines()) <= 32 and r.err == "", r


def test_help_can_be_asked_in_three_ways():
    for verb in VERBS:
        texts = {snug(*w).out for w in ([verb, "--help"], [verb, "-h"], ["help", verb], [verb, "--mem", "--help"])}
        assert len(texts) == 1, texts


def test_help_names_every_verb():
    text = snug("--help").out.decode()
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", text, flags=re.M), text


def test_help_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        expect(snug("--help", stdout=full), 125, "stdout: No space left")


def test_man_pages_have_every_option():
    for verb in VERBS:
        with open(built("man", f"snug-{verb}.1"), encoding="utf-8") as f:
            page = f.read()
        for o in options(verb):
            assert f"\\fB--{o}\\fR" in page or f"\\fB\\-\\-{o}\\fR" in page, (verb, o)
    with open(built("man", "snug.1"), encoding="utf-8") as f:
        page = f.read()
    for verb in VERBS:
        assert f"snug {verb}" in page, verb


def complete(*words):
    """What bash would offer for the last of the words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _snug; printf "%s\\n" "${COMPREPLY[@]}"')
    p = subprocess.run(["bash", "-c", script, "bash", built("cli", "completion", "snug"), *words], capture_output=True,
                       text=True, check=True, cwd=tap.FOLDER)
    return p.stdout.split("\n")[:-1]


def test_bash_completes_verbs_and_options():
    assert set(VERBS) <= set(complete("snug", ""))
    for verb in VERBS:
        assert sorted(complete("snug", verb, "--")) == [f"--{o}" for o in options(verb)], verb


def test_bash_completes_values():
    assert complete("snug", "run", "--mode", "") == ["real", "protected", "paged32", "long", "user", "reset"]
    assert complete("snug", "run", "--as", "f") == ["flat", "firmware"]
    assert complete("snug", "run", "--sandbox", "") == ["on", "off", "strict"]


def test_bash_completes_files():
    tap.image("with space", b"x")
    assert complete("snug", "run", "with") == ["with space"]
    assert complete("snug", "run", "--json", "with") == ["with space"]


def test_zsh_completion_has_every_option():
    with open(built("cli", "completion", "_snug"), encoding="utf-8") as f:
        text = f.read()
    for verb in VERBS:
        part = re.search(rf"^{verb}\)\n(.*?)^\t;;", text, flags=re.M | re.S).group(1)
        assert sorted(re.findall(r"'--([a-z-]+)\[", part)) == options(verb), verb
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", built("cli", "completion", "_snug")], check=True)


tap.main(globals())
