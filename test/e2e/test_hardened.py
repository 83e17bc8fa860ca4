"""How the programs, the extension and the units are hardened: read from what was built, by readelf and systemd."""
import json
import os
import re
import shutil
import subprocess

import pytest

from harness import paths

PROGRAMS = ("outbox-relay", "outbox-consumer", "outbox-compare")
# systemd's own measure, from 0 (nothing is open) to 10: what it says today, and a little more.
EXPOSURE = 15


def readelf(path):
    return subprocess.run(["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--dyn-syms", path],
                          check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def weaknesses(path, program=True):
    """What is missing, in words."""
    text = readelf(path)
    found = []
    kind = re.search(r"Type:\s+(\w+)", text).group(1)
    if kind != "DYN" or program and not re.search(r"FLAGS_1\).*\bPIE\b", text):
        found.append("not position independent")
    if "GNU_RELRO" not in text or not re.search(r"\bBIND_NOW\b|Flags:.*\bNOW\b", text):
        found.append("no full RELRO")
    stack = re.search(r"GNU_STACK .*", text)
    if stack is None or re.search(r"\bRWE\b", stack.group()):
        found.append("an executable stack")
    if re.search(r"LOAD .*\bRWE\b", text):
        found.append("memory to write and to execute")
    if "__stack_chk_fail" not in text:
        found.append("no stack protector")
    if not re.search(r"\b__(?!stack)\w+_chk\b", text):
        found.append("nothing fortified")
    if re.search(r"\((RPATH|RUNPATH|TEXTREL)\)", text):
        found.append("RPATH or TEXTREL")
    return found


SOURCE = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char text[64];
	strncpy(text, argv[argc - 1], sizeof(text));
	return printf("%s", text);
}
"""
BUILT = ["-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro,-z,now,-z,noexecstack"]


@pytest.mark.parametrize("flags, weakness", [
    ([], None), (["-no-pie", "-fno-pie"], "not position independent"), (["-Wl,-z,norelro"], "no full RELRO"), (["-Wl,-z,lazy"], "no full RELRO"),
    (["-Wl,-z,execstack"], "an executable stack"), (["-fno-stack-protector"], "no stack protector"),
    (["-U_FORTIFY_SOURCE"], "nothing fortified"), (["-Wl,-rpath,/tmp"], "RPATH or TEXTREL"),
])
def test_each_weakness_is_seen(tmp_path, flags, weakness):
    path = str(tmp_path / "built")
    subprocess.run(["gcc", *BUILT, *flags, "-x", "c", "-", "-o", path], input=SOURCE, check=True, text=True, capture_output=True)
    assert weaknesses(path) == ([] if weakness is None else [weakness])


@pytest.mark.skipif(paths.WATCHED, reason="a build for the sanitizers")
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program):
    assert weaknesses(os.path.join(paths.BIN, program)) == []


def test_the_extension():
    """As it is built, and as the server loads it."""
    library = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--pkglibdir"], check=True, capture_output=True,
                             text=True).stdout.strip()
    for path in (os.path.join(paths.TOP, "extension", "pg_outbox.so"), os.path.join(library, "pg_outbox.so")):
        assert weaknesses(path, program=False) == [], path


@pytest.mark.parametrize("unit", ["outbox-relay", "outbox-consumer"])
def test_units(unit):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    path = os.path.join(paths.TOP, "deploy", "systemd", unit + ".service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=short", f"--threshold={EXPOSURE}", path],
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # What is open is known, and why.
    open_still = {row["name"] for row in json.loads(done.stdout) if row["set"] is False}
    assert open_still <= {
        "RootDirectory=/RootImage=", "PrivateMounts=", "ProcSubset=", "PrivateUsers=", "DeviceAllow=",
        "RestrictAddressFamilies=~AF_UNIX", "RestrictAddressFamilies=~AF_(INET|INET6)", "PrivateNetwork=", "IPAddressDeny="}, open_still


def test_a_unit_that_lacks_something_is_seen(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    with open(os.path.join(paths.TOP, "deploy", "systemd", "outbox-relay.service"), encoding="utf-8") as file:
        text = file.read()
    path = tmp_path / "outbox-relay.service"
    path.write_text(text.replace("SystemCallFilter=~@privileged @resources\n", ""), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", str(path)],
                          check=False, capture_output=True, text=True)
    assert done.returncode != 0, done.stdout
