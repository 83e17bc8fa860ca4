"""make install and make uninstall: what goes where, and what is left alone."""
import os
import re
import subprocess

import pytest

from harness import markdown
from harness.paths import BIN, TOP

UNITS = {"relay": "usr/lib/systemd/system/outbox-relay.service",
         "consumer": "usr/lib/systemd/system/outbox-consumer.service"}


def make(target, destination, **variables):
    """With the programs that were built: nothing is compiled."""
    done = subprocess.run(["make", "-s", "-C", TOP, "-o", "relay", "-o", "consumer", target, f"DESTDIR={destination}",
                           f"BUILD={os.path.dirname(BIN)}", *(f"{k}={v}" for k, v in variables.items())],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout


def files(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def test_install_and_uninstall(tmp_path):
    make("install", tmp_path, prefix="/usr")
    programs = ["usr/bin/outbox-consumer", "usr/bin/outbox-relay"]
    samples = ["etc/outbox/consumer.ini.sample", "etc/outbox/relay.ini.sample"]
    assert files(tmp_path) == sorted(programs + samples + list(UNITS.values()))
    for name in programs:
        assert os.stat(tmp_path / name).st_mode & 0o777 == 0o755
        version = subprocess.run([tmp_path / name, "--version"], check=True, capture_output=True, text=True).stdout
        assert version.startswith(os.path.basename(name))
    for name in samples + list(UNITS.values()):
        assert os.stat(tmp_path / name).st_mode & 0o777 == 0o644
    for daemon, unit in UNITS.items():
        assert read(tmp_path, unit) == read(TOP, "deploy", "systemd", f"outbox-{daemon}.service")
        assert "[kafka]" in read(tmp_path, f"etc/outbox/{daemon}.ini.sample")
    # What somebody put beside it is theirs.
    (tmp_path / "etc/outbox/relay.ini").write_text("mine", encoding="utf-8")
    make("install", tmp_path, prefix="/usr")
    make("uninstall", tmp_path, prefix="/usr")
    assert files(tmp_path) == ["etc/outbox/relay.ini"] and read(tmp_path, "etc/outbox/relay.ini") == "mine"
    os.unlink(tmp_path / "etc/outbox/relay.ini")
    make("uninstall", tmp_path, prefix="/usr")
    assert not os.path.exists(tmp_path / "etc/outbox")


@pytest.mark.parametrize("variables, bin_folder, settings, unit_folder", [
    ({}, "/usr/local/bin", "/etc", "/usr/local/lib/systemd/system"),
    ({"prefix": "/opt/outbox"}, "/opt/outbox/bin", "/opt/outbox/etc", "/opt/outbox/lib/systemd/system"),
    ({"prefix": "/usr", "bindir": "/usr/libexec", "sysconfdir": "/srv/etc", "unitdir": "/etc/systemd/system"},
     "/usr/libexec", "/srv/etc", "/etc/systemd/system"),
])
def test_units_name_what_was_installed(tmp_path, variables, bin_folder, settings, unit_folder):
    make("install", tmp_path, **variables)
    for daemon in UNITS:
        text = read(f"{tmp_path}{unit_folder}", f"outbox-{daemon}.service")
        program, file = re.search(r"(?m)^ExecStart=(\S+) run --config (\S+)$", text).groups()
        assert (program, file) == (f"{bin_folder}/outbox-{daemon}", f"{settings}/outbox/{daemon}.ini")
        assert os.path.exists(f"{tmp_path}{program}") and os.path.exists(f"{tmp_path}{file}.sample")
        assert f"EnvironmentFile=-{settings}/outbox/{daemon}.env" in text
    make("uninstall", tmp_path, **variables)
    assert files(tmp_path) == []


def credentials(daemon):
    """{name in /run/credentials: name in the credential store} of a unit."""
    text = read(TOP, "deploy", "systemd", f"outbox-{daemon}.service")
    return dict(re.findall(r"(?m)^LoadCredential=([^:\s]+):(\S+)$", text))


def test_secrets_of_the_documentation_are_those_of_the_units(tmp_path):
    """Each file that docs name below /run/credentials is one that the unit loads, and settings can name it."""
    section = re.search(r"(?ms)^## Installing$(.*?)^## ", read(TOP, "docs", "operations.md")).group(1)
    named = re.findall(r"/run/credentials/outbox-(\w+)\.service/([\w-]+)", section)
    assert {daemon for daemon, _ in named} == {"relay"} and len(named) > 1
    for daemon, name in named:
        assert name in credentials(daemon), name
    for daemon in UNITS:
        assert {f"outbox-{daemon}.{name}" for name in credentials(daemon)} == set(credentials(daemon).values())
    stored = set(re.findall(r"/etc/credstore/([\w.-]+)", section))
    assert stored and stored <= set(credentials("relay").values())
    text, = [b for b in markdown.blocks(section) if "password_file" in b]
    for _, name in named:
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
        (tmp_path / name).chmod(0o400)
    path = tmp_path / "relay.ini"
    path.write_text(re.sub(r"/run/credentials/outbox-relay\.service", str(tmp_path), text), encoding="utf-8")
    done = subprocess.run([os.path.join(BIN, "outbox-relay"), "--config", str(path), "--print-config"],
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def test_only_what_takes_a_reload_offers_one():
    """systemctl reload says that it can't, in place of a success that changes nothing."""
    assert "\nExecReload=" in read(TOP, "deploy", "systemd", "outbox-relay.service")
    assert "\nExecReload=" not in read(TOP, "deploy", "systemd", "outbox-consumer.service")
