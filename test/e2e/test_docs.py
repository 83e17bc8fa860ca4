"""What the documentation says is what there is."""
import json
import os
import re
import subprocess

import pytest

from harness.paths import TOP
from harness.prom import promtool


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


def metric_names():
    """Of series: those of a histogram have three."""
    names = set()
    for name, kind in re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", read("docs/metrics.md")):
        names.update([name] if kind != "histogram" else [name + s for s in ("_bucket", "_sum", "_count")])
    assert len(names) > 60
    return names


@pytest.mark.parametrize("path", ["deploy/prometheus/outbox.rules.yml", "deploy/grafana/outbox.json"])
def test_alarms_and_dashboard_name_metrics_that_there_are(path):
    text = read(path)
    if path.endswith(".json"):
        expressions = [t["expr"] for p in json.loads(text)["panels"] for t in p["targets"]]
    else:
        expressions = re.findall(r"(?m)^ *expr: (.*)$", text)
        assert text.count("alert:") == len(expressions) > 10
    used = set()
    for expression in expressions:
        bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", expression)
        used |= set(re.findall(r"\b(?:outbox_\w+|process_\w+|circuit_breaker_\w+)", bare))
    assert len(used) > 9 and used <= metric_names(), used - metric_names()
    if promtool() and path.endswith(".yml"):
        done = subprocess.run([promtool(), "check", "rules", os.path.join(TOP, path)], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout


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
