"""Where things are, and what the exit statuses are called."""
import functools
import os
import re
import shlex
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "bin")
# A tool that looks at the daemons' memory (test/sanitize/run): a command to run them with, or built in.
RUNNER = shlex.split(os.environ.get("RUNNER", ""))
WATCHED = bool(RUNNER or os.environ.get("SANITIZE"))


@functools.cache
def _bindir(pg_config):
    return subprocess.run([pg_config, "--bindir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def pg_bin(program):
    """A program of the PostgreSQL server that the extension was built for."""
    return os.path.join(_bindir(os.environ.get("PG_CONFIG", "pg_config")), program)


def exit_codes():
    """{"EXIT_GAP": 10, …}, read from the header that documents them."""
    with open(os.path.join(TOP, "common", "exit_codes.h"), encoding="utf-8") as file:
        return {name: int(value)
                for name, value in re.findall(r"\b(EXIT_\w+) =\s+(\d+)", file.read())}
