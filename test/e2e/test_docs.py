"""What the documentation says is what there is."""
import os
import re
import subprocess

import pytest

from harness.paths import TOP


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("program", ["outbox-relay", "outbox-consumer"])
def test_the_tables_of_settings_are_what_the_program_prints(program):
    printed = subprocess.run([os.path.join(TOP, "build", "bin", program), "--print-markdown"],
                             check=True, capture_output=True, text=True).stdout.strip()
    assert len(printed.splitlines()) > 10
    assert printed in read("docs/configuration.md"), "run it and put what it prints there"


@pytest.mark.parametrize("program", ["outbox-relay", "outbox-consumer"])
def test_the_tables_of_metrics_are_what_the_program_prints(program):
    printed = subprocess.run([os.path.join(TOP, "build", "bin", program), "--print-metrics"],
                             check=True, capture_output=True, text=True).stdout.strip()
    assert len(printed.splitlines()) > 20
    assert printed in read("docs/metrics.md"), "run it and put what it prints there"


def documents():
    """Those of the tree, which needn't be a clone."""
    found = []
    for where, folders, names in os.walk(TOP):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "build")
        found += [os.path.relpath(os.path.join(where, name), TOP)
                  for name in sorted(names) if name.endswith(".md")]
    assert "README.md" in found
    return found


@pytest.mark.parametrize("path", documents())
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(path)):
        if not re.match(r"\w+:", link):
            there = os.path.join(TOP, os.path.dirname(path), link)
            assert os.path.exists(there), f"{path} links to {link}"
