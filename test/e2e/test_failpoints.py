"""The build with failpoints says what it has and refuses what it doesn't; the plain one has no trace of them."""
import os
import subprocess

import pytest

from harness import paths
from harness.failpoints import BIN, listed

PROGRAMS = ("outbox-relay", "outbox-consumer")


def run(directory, program, *arguments, **variables):
    done = subprocess.run([os.path.join(directory, program), *arguments], env={**os.environ, **variables}, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    return done.returncode, done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_plain_build_has_no_trace_of_them(program):
    """Neither a symbol nor a text, nor a word in what a debugger reads."""
    with open(os.path.join(paths.BIN, program), "rb") as file:
        plain = file.read().replace(paths.TOP.encode(), b"").lower()
    with open(os.path.join(BIN, program), "rb") as file:
        other = file.read().replace(paths.TOP.encode(), b"").lower()
    for trace in (b"failpoint", *(name.encode() + b"\0" for name in listed(program))):
        assert trace in other and trace not in plain, trace
    status, text = run(paths.BIN, program, "--list-failpoints")
    assert status != 0 and "--list-failpoints" in text
    # Nobody listens to the variable.
    assert run(paths.BIN, program, "--version", OUTBOX_FAILPOINTS="nonsense")[0] == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_lists_them(program):
    names = listed(program)
    assert len(names) > 20 and len(set(names)) == len(names) and sorted(names) == names


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("text,said", [
    ("no-such-name=crash", 'there is no failpoint \\"no-such-name\\"'),
    ("{0}", '\\"{0}\\" isn\'t to be understood'),
    ("{0}=explode", '\\"{0}=explode\\" isn\'t to be understood'),
    ("{0}=crash@0", "isn't to be understood"),
    ("{0}=crash@", "isn't to be understood"),
    ("{0}=crash@2x", "isn't to be understood"),
    ("{0}=crash@-1", "isn't to be understood"),
    ("{0}=crash,{0}=error", '\\"{0}\\" is named twice'),
    ("=crash", 'there is no failpoint \\"\\"'),
    (",", 'there is no failpoint \\"\\"'),
])
def test_what_it_does_not_understand_it_refuses_at_the_start(exits, program, text, said):
    name = listed(program)[0]
    status, output = run(BIN, program, "--version", OUTBOX_FAILPOINTS=text.format(name))
    assert status == exits["EXIT_CONFIG"], output
    assert said.format(name) in output.replace('"', '\\"').replace('\\\\"', '\\"'), output


@pytest.mark.parametrize("program", PROGRAMS)
def test_armed_ones_that_are_not_reached_do_nothing(program):
    names = listed(program)
    armed = ",".join(f"{name}=crash@{number + 1}" for number, name in enumerate(names))
    status, output = run(BIN, program, "--version", OUTBOX_FAILPOINTS=armed)
    assert status == 0 and "failpoint" not in output
