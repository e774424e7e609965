"""Steps: one line on the terminal each, their output in a log file, its last lines where they fail."""

import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"
LAST_LINES = 30


class Failed(Exception):
    """What went wrong; what to do. Printed as it is, without a traceback."""


def say(text):
    print(text, flush=True)


def log_path(name):
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / (re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") + ".log")


class step:
    """with step("reading"): ...   prints "reading ... 3 s" in one line"""

    def __init__(self, title):
        self.title = title

    def __enter__(self):
        self.start = time.monotonic()
        print(f"{self.title} ... ", end="", flush=True)
        return self

    def progress(self, text):
        """Shows how far it is, in the same line, where a person looks on."""
        if sys.stdout.isatty():
            print(f"\r\x1b[K{self.title} ... {text} ", end="", flush=True)

    def __exit__(self, kind, error, traceback):
        seconds = time.monotonic() - self.start
        say(f"{seconds:.0f} s" if kind is None else "failed")


def last_count(log):
    """"[120/330]" of the last line in which Ninja counted, or nothing."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        counts = re.findall(rb"^\[\d+/\d+\]", file.read(), re.MULTILINE)
    return counts[-1].decode() if counts else ""


def _wait(process, watched, log):
    while True:
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            watched.progress(last_count(log))


def run(title, command, *, env=None, cwd=ROOT):
    """Runs a command as a step. Its output goes to build/logs/TITLE.log.

    throws  Failed with the last lines of the log, if the command's exit code is not 0
    """
    log = log_path(title)
    with step(title) as watched, open(log, "wb") as out:
        out.write(("$ " + " ".join(map(str, command)) + "\n").encode())
        out.flush()
        try:
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env,
                                  cwd=cwd) as process:
                code = _wait(process, watched, log)
        except OSError as error:
            out.write(f"{error}\n".encode())
            code = 127
        if code == 0:
            return
        out.flush()
        last = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        failure = Failed("\n".join(["", *last, "", f"{title}: exit code {code}; the whole log: {log}"]))
        raise failure


def show(command, *, env=None, cwd=ROOT):
    """Runs a command whose output is for the reader. Returns its exit code."""
    sys.stdout.flush()
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, env=env, cwd=cwd, check=False).returncode
    except OSError as error:
        raise Failed(str(error)) from error


def environment(**changes):
    """This process's environment with changes; None takes a variable away."""
    env = dict(os.environ)
    for name, value in changes.items():
        env.pop(name, None)
        if value is not None:
            env[name] = str(value)
    return env
