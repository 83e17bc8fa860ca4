"""The results of all benchmarks as Markdown.

    bench/table.py [FILE.json...]       by default those of build/bench; into build/bench/README.md
"""
import glob
import json
import os
import sys

from results import OUT, TOP

ORDER = ("emit", "relay", "latency", "sink", "outage")


def number(value):
    """As many digits as say something."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def row(result):
    interval = result.get("interval")
    target = result.get("target")
    cells = [result["name"], number(result["value"]) + (
        f" [{number(interval[0])}, {number(interval[1])}]" if interval else ""), result["unit"],
        "" if target is None else f"{'≥' if result['better'] == 'higher' else '≤'} {number(target)}",
        {True: "met", False: "missed", None: ""}[result.get("met")]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(name, found):
    machine = found["machine"]
    lines = [f"## {name}", "",
             f"{machine['at']}, {machine['cores']} × {machine['cpu']}, {machine['memory_bytes'] / 2 ** 30:.0f} GiB,"
             f" {machine['system']}; load average before: {machine['load_average_before']}", "",
             "| what | value | unit | target | |", "|---|---:|---|---|---|",
             *map(row, found["results"]), ""]
    return "\n".join(lines)


def document(found):
    """found: {name: what its JSON holds}"""
    names = [name for name in ORDER if name in found] + sorted(set(found) - set(ORDER))
    results = [result for name in names for result in found[name]["results"]]
    missed = [result["name"] for result in results if result.get("met") is False]
    judged = sum(result.get("met") is not None for result in results)
    return "\n".join(["# Benchmarks", "", f"{judged - len(missed)} of {judged} targets are met"
                      + ("." if not missed else "; missed: " + "; ".join(missed) + "."), "",
                      "Brackets are 95 % confidence intervals over the pairs of rounds.", "",
                      *(section(name, found[name]) for name in names)])


def main():
    found = {}
    for path in sys.argv[1:] or sorted(glob.glob(os.path.join(OUT, "*.json"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.splitext(os.path.basename(path))[0]] = json.load(file)
    path = os.path.join(OUT, "README.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(document(found))
    print(f"written to {os.path.relpath(path, TOP)}")


if __name__ == "__main__":
    main()
