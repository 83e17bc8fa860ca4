"""What a benchmark found, with its targets: printed, and written to build/bench/<name>.json.

    {"results": [{"name", "value", "unit", "better": "higher|lower", "target", "met", …}],
     "machine": {…}, "settings": {…}}

A result without a target is there for information; its "target" and "met" are null.
"""
import datetime
import json
import math
import os
import platform
import statistics

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "bench")

# Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond them the normal one's.
_T = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13,
      2.12, 2.11, 2.10, 2.09, 2.09]


def paired_ratio(pairs):
    """Geometric mean of a / b over pairs (a, b), and its 95 % confidence interval."""
    logs = [math.log(a / b) for a, b in pairs]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None
    half = _T[min(len(logs) - 2, len(_T) - 1)] * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), (math.exp(mean - half), math.exp(mean + half))


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


class Results:
    """load_counts False: the machine may be busy, so that what depends on it has no target."""

    def __init__(self, name, settings, load_counts=True):
        self.name, self.settings, self.load_counts = name, settings, load_counts
        self.results = []
        self.load_before = os.getloadavg()[0]

    def add(self, name, value, unit, better, target=None, **more):
        """met is judged by the value alone; an interval, when there is one, stands beside it."""
        met = None
        if target is not None:
            met = value >= target if better == "higher" else value <= target
        self.results.append(dict(name=name, value=round(value, 4), unit=unit, better=better,
                                 target=target, met=met, **more))
        interval = more.get("interval")
        print(f"{name:58} {value:10.3f} {unit:14}"
              + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
              + ("" if target is None else
                 f"  target {'>=' if better == 'higher' else '<='} {target:g}:"
                 f" {'met' if met else 'MISSED'}"), flush=True)

    def ratio(self, name, pairs, better, target=None, **more):
        value, interval = paired_ratio(pairs)
        if interval is not None:
            more["interval"] = [round(bound, 4) for bound in interval]
        self.add(name, value, "ratio", better, target if self.load_counts else None,
                 pairs=len(pairs), **more)

    def value(self, name):
        return next(result["value"] for result in self.results if result["name"] == name)

    def missed(self):
        return [result["name"] for result in self.results if result["met"] is False]

    def write(self):
        os.makedirs(OUT, exist_ok=True)
        path = os.path.join(OUT, self.name + ".json")
        machine = {"cpu": _cpu_model(), "cores": os.cpu_count(), "system": platform.platform(),
                   "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                   "load_average_before": round(self.load_before, 2),
                   "at": datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds")}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"results": self.results, "machine": machine, "settings": self.settings},
                      file, indent=1)
            file.write("\n")
        print(f"written to {os.path.relpath(path, TOP)}")
