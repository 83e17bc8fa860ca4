"""Prometheus: the text format read strictly, the rules of its linter, and promtool where it is.

promtool is asked when it is in the PATH, named by PROMTOOL, or where scripts/prometheus has put it.
"""
import os
import re
import shutil
import subprocess

from harness.paths import TOP

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (-?[0-9][0-9.e+-]*|NaN|[+-]Inf)")
# Of promlint: what has a base unit isn't said in another one.
OTHER_UNITS = {"ms", "milliseconds", "us", "microseconds", "ns", "nanoseconds", "minutes", "hours", "days",
               "bits", "kb", "mb", "gb", "kilobytes", "megabytes", "gigabytes", "kib", "mib", "percent", "s"}


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.type = name, help_text, None
        self.samples = {}


def parse(text):
    """{name: Family} in order; fails on anything that isn't the text format 0.0.4."""
    families = {}
    current = None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            assert name not in families, f"{name} comes twice"
            assert not re.search(r"\\(?![\\n])", words), f"escape in {line!r}"
            current = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert current is not None and name == current.name and current.type is None, line
            assert kind in ("counter", "gauge", "histogram"), line
            current.type = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line!r}"
            name = match.group(1)
            suffixes = ("_bucket", "_sum", "_count") if current.type == "histogram" else ("",)
            assert name in [current.name + s for s in suffixes], f"{line!r} among those of {current.name}"
            series = line.rpartition(" ")[0]
            assert series not in current.samples, f"{series} comes twice"
            current.samples[series] = float(match.group(7))
    return families


def lint(families):
    """What promtool check metrics would say."""
    found = []
    for family in families.values():
        name = family.name
        parts = name.split("_")

        def bad(what, name=name):
            found.append(f"{name}: {what}")
        if not family.help.strip():
            bad("no help text")
        if family.type is None:
            bad("no type")
        if (family.type == "counter") != name.endswith("_total"):
            bad('counters end with "_total", and nothing else does')
        if family.type != "histogram" and name.endswith(("_count", "_sum", "_bucket")):
            bad("a suffix of histograms")
        if re.search(r"[A-Z:]", name):
            bad("capitals or colons")
        if OTHER_UNITS & set(parts):
            bad("not in base units")
        if {"counter", "gauge", "histogram", "summary"} & set(parts):
            bad("its type is in its name")
        if family.type == "histogram" and family.samples:
            buckets = [v for k, v in family.samples.items() if k.startswith(name + "_bucket")]
            if buckets != sorted(buckets) or buckets[-1] != family.samples[name + "_count"]:
                bad("buckets don't add up")
        if family.type == "counter" and any(v < 0 for v in family.samples.values()):
            bad("negative")
    return found


def promtool():
    """Its path, or None."""
    fetched = os.path.join(TOP, "build", "prometheus", "bin", "promtool")
    return os.environ.get("PROMTOOL") or shutil.which("promtool") or (fetched if os.path.exists(fetched) else None)


def check(text):
    """Asserts that both linters have nothing to say; gives the families."""
    families = parse(text)
    assert lint(families) == []
    if promtool():
        done = subprocess.run([promtool(), "check", "metrics"], input=text, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (done.returncode, done.stdout) == (0, "")
    return families
