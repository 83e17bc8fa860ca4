"""The report's page, CSV and Markdown, as "outbox-compare report" makes them of a report.json: its
numbers, in a real browser; that it asks nobody for anything; that it can be read on a telephone, in
the dark and on paper; and that no text of a scenario becomes more than text.
"""
import csv
import json
import os
import re
import subprocess

import pytest

from harness import paths, report_sample
from harness.comparison import Comparison

COMPARE = os.path.join(paths.BIN, "outbox-compare")


def render(report, directory, *options):
    json_path = os.path.join(directory, "report.json")
    with open(json_path, "w", encoding="utf-8") as file:
        json.dump(report, file)
    return subprocess.run([COMPARE, "report", json_path, *options], capture_output=True, text=True,
                          check=False)


@pytest.fixture(scope="module")
def report():
    return report_sample.report()


@pytest.fixture(scope="module")
def made(report, base):
    """The directory with all files."""
    directory = os.path.join(base, "report")
    os.makedirs(directory, exist_ok=True)
    done = render(report, directory)
    assert done.returncode == 0, done.stderr
    assert done.stdout == os.path.join(directory, "report.html") + "\n"
    return directory


@pytest.fixture(scope="module")
def browser(base):
    from harness.browser import Browser
    opened = Browser(os.path.join(base, "chromium-report"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser, made):
    """The page, as wide as a desk's screen; afterwards there has been no error and no request."""
    url = f"file://{made}/report.html"
    browser.size(1400)
    browser.media()
    browser.open(url)
    yield browser
    assert browser.console() == []
    assert [asked for asked in browser.requests() if asked != url and not asked.startswith("data:")] == []


def plain(text):
    """Without the narrow blanks."""
    return text.replace("\u202f", "").strip()


def percent(value):
    if value in (0, 100):
        return f"{value:.0f}%"
    return f"{int(value * 10 + 1e-6) / 10:.1f}%" if value >= .1 else "<0.1%"


def millis(value):
    if 0 < value < .995:
        return f"{value:.2f}ms"
    return f"{value:.1f}ms" if value < 99.95 else f"{value:.0f}ms" if value < 9999.5 else f"{value / 1000:.1f}s"


def test_matrix(page, report):
    """A cell for each path and scenario, with the numbers of the document; one that wasn't run says so."""
    cells = page.run("""
        return [...document.querySelectorAll('.matrix tbody tr')].map(row =>
            [...row.querySelectorAll('td')].map(cell => ({
                scenario: row.dataset.scenario, path: cell.dataset.path, text: cell.innerText,
                is: Object.fromEntries([...cell.querySelectorAll('[data-is]')]
                    .map(part => [part.dataset.is, part.textContent]))})))""")
    names = [path["name"] for path in report["paths"]]
    assert [[cell["path"] for cell in row] for row in cells] == [names] * len(report["scenarios"])
    absent = []
    for row, scenario in zip(cells, report["scenarios"]):
        for cell in row:
            found = [run["paths"][cell["path"]] for run in scenario["runs"] if cell["path"] in run["paths"]]
            assert cell["scenario"] == scenario["name"]
            if not found:
                assert cell["text"].strip() == "not run"
                absent.append((scenario["name"], cell["path"]))
                continue
            offered = sum(one["offered"] for one in found)
            assert {key: plain(value) for key, value in cell["is"].items()} == {
                "accepted": percent(round(100 * sum(one["accepted"] for one in found) / offered, 3)),
                "visible": percent(round(100 * sum(one["in_target"] for one in found) / offered, 3)),
                "lost": str(sum(one["lost"] for one in found)),
                "duplicates": str(sum(one["duplicates"] for one in found)),
                "order": str(sum(one["order_violations"] for one in found)),
                "p99": millis(max(one["latency_ms"]["p99"] for one in found))}, cell
            held = [expected["held"] for run in scenario["runs"] for expected in run["expectations"]
                    if expected["path"] == cell["path"]]
            said = "nothing was expected" if not held else "as expected" if all(held) else \
                f"{held.count(False)} of {len(held)} not as expected"
            assert said in " ".join(cell["text"].split()), cell
    assert absent == [("app-crash", "kafka-first")]
    held = [expected["held"] for scenario in report["scenarios"] for run in scenario["runs"]
            for expected in run["expectations"]]
    assert page.run("return document.querySelector('#verdict').textContent") == \
        f"{held.count(False)} of {len(held)} expectations did not hold."


def test_books_and_percentiles(page, report):
    """Every number of every run's tables is that of the document."""
    runs = page.run("""
        return [...document.querySelectorAll('section.scenario')].map(scenario =>
            [...scenario.querySelectorAll('details.run')].map(run =>
                Object.fromEntries([...run.querySelectorAll('.ledger tr[data-is], .latencies tr[data-is]')].map(row =>
                    [row.dataset.is, [...row.querySelectorAll('td')].map(cell => cell.textContent)]))))""")
    assert [len(found) for found in runs] == [len(scenario["runs"]) for scenario in report["scenarios"]]
    order = [path["name"] for path in report["paths"]]
    compared = 0
    for scenario, found in zip(report["scenarios"], runs):
        for run, rows in zip(scenario["runs"], found):
            results = [run["paths"][name] for name in order if name in run["paths"]]
            for key in ("offered", "accepted", "rejected", "unknown", "unknown_stored", "unknown_missing", "durable",
                        "in_target", "accepted_in_target", "pending", "lost", "duplicates", "order_violations", "invented"):
                assert [plain(cell) for cell in rows[key]] == [str(result[key]) for result in results], key
                compared += len(results)
            for key in ("p50", "p90", "p99", "p999", "max"):
                assert [plain(cell) for cell in rows["latency_ms." + key]] == \
                    [millis(result["latency_ms"][key]) for result in results], key
            for key in ("accepted", "durable", "visible"):
                assert [plain(cell) for cell in rows["rates." + key]] == \
                    [percent(result["rates"][key]) for result in results], key
            assert rows["closes"] == ["yes"] * len(results)
    assert compared > 500


def test_why_requests_were_rejected(page, report):
    """A line for each path and run that rejected any, with every number."""
    found = page.run("return [...document.querySelectorAll('section.scenario p.reasons')].map(line => line.textContent)")
    expected = []
    words = {"busy": "all connections of the application's pool were in use", "away": "what it would be stored in was away"}
    for scenario in report["scenarios"]:
        for run in scenario["runs"]:
            for path in report["paths"]:
                because = run["paths"].get(path["name"], {}).get("rejected_because")
                if because:
                    told = [f"{count} time{'' if count == 1 else 's'} {words[reason]}" for reason, count in because.items()]
                    expected.append(f"{path['title']} rejected: {', '.join(told)}.")
    assert len(expected) > 5 and [plain(line) for line in found] == expected


def test_expectations(page, report):
    """Each with what was measured, and whether it held."""
    runs = page.run("""
        return [...document.querySelectorAll('details.run')].map(run =>
            [...run.querySelectorAll('.expectations tr')].flatMap(row =>
                [...row.querySelectorAll('li')].map(entry => [row.dataset.path, entry.querySelector('b').textContent,
                    entry.querySelector('.measured').textContent, entry.querySelector('.mark.held') !== null])))""")
    expected = [sorted((entry["path"], entry["text"], f"{entry['measured']:.15g}", entry["held"])
                       for entry in run["expectations"])
                for scenario in report["scenarios"] for run in scenario["runs"]]
    assert [sorted(map(tuple, found)) for found in runs] == expected


def test_timelines(page, report):
    """Under each chart is its data, second by second, and what could not be seen is empty."""
    tables = page.run("""
        return [...document.querySelectorAll('.scenario')].map(scenario =>
            Object.fromEntries([...scenario.querySelector('.timeline').querySelectorAll('figure')].map(figure =>
                [figure.classList[1], [...figure.querySelectorAll('details.data tbody tr')].map(row =>
                    [...row.children].map(cell => cell.textContent))])))""")

    def number(value):
        return "" if value is None else f"{value:.15g}"
    for scenario, found in zip(report["scenarios"], tables):
        run = scenario["runs"][0]
        names = [path["name"] for path in report["paths"] if path["name"] in run["paths"]]
        assert set(found) == {"requests", "latency", "behind", "freshness", "middle"}
        for i, row in enumerate(run["timeline"]):
            of = [row["paths"][name] for name in names]
            second = [number(row["t"])]
            assert found["requests"][i] == second + [number(path[key]) for path in of for key in
                                                     ("offered", "accepted", "rejected", "unknown")]
            assert found["latency"][i] == second + [number(path[key]) for path in of
                                                    for key in ("p50_ms", "p99_ms")]
            assert found["freshness"][i] == second + [number(path["freshness_s"]) for path in of]
            assert found["middle"][i] == second + [number(row["lag"]), number(row["retained_wal_bytes"]),
                                                   row["breaker"] or ""]
            so_far = [sum(past["paths"][name]["accepted"] for past in run["timeline"][:i + 1]) for name in names]
            assert found["behind"][i] == second + [
                "" if path["in_target"] is None else number(max(so_far[j] - path["in_target"], 0))
                for j, path in enumerate(of)]
        assert len(found["requests"]) == len(run["timeline"])


def test_charts(page, report):
    """The fault is shaded when it was, all charts have what they should show, and the breaker's states are named."""
    run = report["scenarios"][1]["runs"][0]
    end = run["timeline"][-1]["t"] + 1
    charts = page.run("""
        return [...document.querySelector('#scenario-1 .timeline').querySelectorAll('svg')].map(svg => ({
            label: svg.getAttribute('aria-label'), height: svg.getBoundingClientRect().height,
            faults: [...svg.querySelectorAll('.fault')].map(rect =>
                [Number(rect.getAttribute('x')), Number(rect.getAttribute('width'))]),
            lines: [...svg.querySelectorAll('path:not(.grid)')].filter(path =>
                path.getAttribute('d') !== '').length}))""")
    assert len(charts) == 2 * len(report["paths"]) + 4
    for chart in charts:
        assert chart["label"] and chart["height"] >= 40 and chart["lines"] >= 1, chart
        fault = run["faults"][0]
        assert chart["faults"] == [[pytest.approx(1000 * fault["from_s"] / end, abs=.2),
                                    pytest.approx(1000 * (fault["until_s"] - fault["from_s"]) / end, abs=.2)]]
    states = page.run("""return [...document.querySelector('#scenario-1 .timeline').querySelectorAll('.states b')]
        .map(state => state.textContent)""")
    assert {"closed", "open", "half-open"} <= set(states)
    assert states[0] == states[-1] == "closed"


def test_price(page, report):
    """Of each path alone, without what the parts take in any case; and how it stands to a direct insert."""
    rows = page.run("""return Object.fromEntries([...document.querySelectorAll('.prices tbody tr')].map(row =>
        [row.dataset.path, [...row.querySelectorAll('td')].map(cell => cell.textContent)]))""")
    alone = report["scenarios"][0]["price"]["paths"]
    assert set(rows) == set(alone)
    for name, (p50, p99, cpu, wal) in rows.items():
        dear = name.startswith("outbox")
        assert plain(p50).split(" ")[0] == millis(alone[name]["latency_ms"]["p50"])
        assert plain(p99).split(" ")[0] == millis(alone[name]["latency_ms"]["p99"])
        assert plain(cpu) == ("2.0ms +1.0ms, ×2.00" if dear else "1.0ms")
        assert plain(wal) == ("1.9kB +1.2kB, ×2.91" if dear else "640B")


def test_estimate(page, report):
    """Share of the requests that came to nothing, times what the reader says."""
    page.run("""
        const form = document.querySelector('#estimate form');
        form.elements.value.value = '2.5'; form.elements.rate.value = '100'; form.elements.incidents.value = '12';
        form.dispatchEvent(new Event('input', {bubbles: true}));""")
    rows = page.run("""return [...document.querySelectorAll('#estimate tbody tr')].map(row =>
        [...row.querySelectorAll('td')].map(cell =>
            cell.querySelector('output') === null ? null : cell.querySelector('output').textContent))""")
    order = [path["name"] for path in report["paths"]]
    for scenario, row in zip(report["scenarios"], rows):
        for name, said in zip(order, row):
            found = [run["paths"][name] for run in scenario["runs"] if name in run["paths"]]
            if not found:
                assert said is None
                continue
            missed = sum(one["rejected"] + one["unknown"] - one["unknown_stored"] + one["unknown_missing"] + one["lost"]
                         for one in found)
            share = missed / sum(one["offered"] for one in found)
            assert int(said.replace(",", "")) == pytest.approx(share * scenario["duration_s"] * 2.5 * 100 * 12, abs=1)


def test_hostile_texts(page, report):
    """They stand there as they are."""
    assert page.run("return window.hostile") is None
    assert page.run("return document.images.length + document.querySelectorAll('.scenario b b').length") == 0
    assert page.run("return [...document.querySelectorAll('.scenario h3')].at(-1).textContent") == \
        report["scenarios"][-1]["title"] == report_sample.HOSTILE
    # The script still ran to its end behind them.
    assert page.run("return document.documentElement.className") == "has-script"


def test_pointer(page):
    """The numbers of the second under the pointer are those of the table."""
    said = page.run("""
        const svg = document.querySelector('#scenario-1 .middle svg');
        svg.scrollIntoView({block: 'center'});
        const area = svg.getBoundingClientRect();
        svg.dispatchEvent(new PointerEvent('pointermove', {bubbles: true,
            clientX: area.left + area.width * 0.26, clientY: area.top + 10}));
        const box = document.getElementById('pointer');
        return [box.hidden, box.textContent,
            document.querySelectorAll('#scenario-1 .crosshair').length]""")
    lines = said[1].split("\n")
    row = page.run("""
        const t = arguments[0];
        return [...document.querySelectorAll('#scenario-1 .middle tbody tr')].map(row => [...row.children]
            .map(cell => cell.textContent)).find(cells => cells[0] === t)""", lines[0].split(" ")[1])
    assert said[0] is False and said[2] > 0
    assert lines[1:] == [f"lag, records: {row[1]}", f"retained WAL, bytes: {row[2]}", f"breaker: {row[3]}"]


@pytest.mark.parametrize("width, media, scheme", [
    (1400, "screen", "light"), (390, "screen", "light"), (1400, "screen", "dark"), (390, "screen", "dark"),
    (1000, "print", "light")])
def test_readable(page, width, media, scheme):
    """Nothing sticks out of the page, no cell's text out of its cell, and letters stand out from their ground."""
    page.size(width)
    page.media(media, scheme)
    page.run("for (const run of document.querySelectorAll('details.run')) run.open = true")
    assert page.overflow() <= 0
    wide = page.run("""
        return [...document.querySelectorAll('.matrix td, .tile, .method > div, .banner, figcaption, .label')]
            .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText)""")
    assert wide == []
    assert page.run("return parseFloat(getComputedStyle(document.body).fontSize)") >= (10 if media == "print" else 14)
    poor = page.run("""
        const numbers = text => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v =>
            v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const ground = box => {
            for (; box !== null; box = box.parentElement) {
                const colour = numbers(getComputedStyle(box).backgroundColor);
                if (colour.length === 3 || colour[3] === 1)
                    return colour;
            }
            return [255, 255, 255];
        };
        return [...document.querySelectorAll('.matrix td, .matrix td b, .matrix dt, .mark, p, .tile span, th, td, h2, a, .method dt')]
            .slice(0, 3000).map(box => {
                const [a, b] = [light(numbers(getComputedStyle(box).color)), light(ground(box))].sort((x, y) => y - x);
                return [(a + .05) / (b + .05), box.className, box.textContent.slice(0, 30)];
            }).filter(found => found[0] < 4.5)""")
    assert poor == []


def test_paper(page):
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= len(report_sample.SCENARIOS)


def test_without_a_script(browser, made, report):
    """Matrix, charts and tables are there; what needs a script isn't offered."""
    browser.script(False)
    try:
        browser.open(f"file://{made}/report.html")
        # The driver's own scripts run in any case.
        found = browser.run("""return [document.querySelectorAll('.matrix tbody td').length,
            document.querySelectorAll('.timeline svg').length > 0,
            document.querySelectorAll('.numbers tbody tr').length > 100,
            getComputedStyle(document.querySelector('#estimate form')).display]""")
    finally:
        browser.script(True)
    assert found == [len(report["paths"]) * len(report["scenarios"]), True, True, "none"]


def test_csv(made, report):
    """A row for each path in each run, whether it took part or not."""
    with open(os.path.join(made, "report.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [(scenario["name"], str(run["seed"]), path["name"], run["paths"].get(path["name"]))
                for scenario in report["scenarios"] for run in scenario["runs"] for path in report["paths"]]
    assert [(row["scenario"], row["seed"], row["path"]) for row in rows] == [entry[:3] for entry in expected]
    for row, (_, _, _, found) in zip(rows, expected):
        if found is None:
            assert row["run"] == "no" and row["offered"] == row["p99_ms"] == ""
            continue
        for key in ("offered", "accepted", "rejected", "in_target", "lost", "order_violations"):
            assert row[key] == str(found[key])
        assert float(row["p99_ms"]) == found["latency_ms"]["p99"]
        assert float(row["visible_percent"]) == found["rates"]["visible"]


def test_markdown(made, report):
    with open(os.path.join(made, "report.md"), encoding="utf-8") as file:
        text = file.read()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(report["scenarios"])
    # Columns of the table are parted by bars alone: a hostile text adds none.
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(report["paths"]) + 2}
    assert "<img" not in text.replace("\\<", "")
    assert "| not run |" in text and "broker-crash, seed 1: dual-write" in text


def test_other_directory(report, base):
    directory = os.path.join(base, "report-source")
    os.makedirs(directory)
    done = render(report, directory, f"--out={base}/report-else/where")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(f"{base}/report-else/where")) == ["report.csv", "report.html", "report.md"]
    assert os.listdir(directory) == ["report.json"]


@pytest.mark.parametrize("text, said", [
    ("{", "could not read"), ("[]", "is no report of version 2"), ('{"version": 1}', "is no report of version 2"),
    ('{"version": 2, "version": 2}', "duplicate object key"), ("\x00", "could not read")])
def test_refused(base, text, said):
    path = os.path.join(base, "no-report.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([COMPARE, "report", path], capture_output=True, text=True, check=False)
    assert done.returncode == paths.exit_codes()["EXIT_CONFIG"]
    assert said in done.stderr and path in done.stderr
    assert not os.path.exists(path.replace(".json", ".html"))


@pytest.mark.parametrize("strange", [
    {"scenarios": [], "paths": []},
    {"scenarios": [{"runs": [{"paths": {"x": 3}, "timeline": [1, None, {"t": "x"}]}]}],
     "paths": [{"name": "x"}, {}, 7]},
    {"scenarios": [{"name": 3, "runs": [{"paths": {"x": {"offered": -1, "latency_ms": []}}, "faults": {}}]}, None],
     "paths": [{"name": "x", "title": ["y"]}], "settings": {"a": {"b": [1]}}}])
def test_strange_reports(base, strange):
    """What isn't as it should be is left empty; nothing breaks."""
    directory = os.path.join(base, "report-strange")
    os.makedirs(directory, exist_ok=True)
    done = render(dict(strange, version=2), directory)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_price_is_measured(base, reap):
    """Each path alone, beside the idle parts; and the run's pages are made."""
    run = Comparison(base, "compare-price", reap, "calm", "--price", "--paths=direct,outbox", "--rate=20",
                     "--duration=3s")
    run.finish(0, 600)
    (scenario,) = run.report()["scenarios"]
    assert scenario["price"]["idle"]["took_s"] >= 5
    alone = scenario["price"]["paths"]
    assert set(alone) == {"direct", "outbox"}
    for path in alone.values():
        assert path["offered"] == 60 and path["took_s"] >= 3
        assert 0 < path["latency_ms"]["p50"] <= path["latency_ms"]["p99"]
        assert path["cpu_s"]["app"] > 0 and path["wal_bytes"]["target"] > 0
    # A direct insert has nothing to do with the source, whose relay only beats its heart.
    assert alone["outbox"]["wal_bytes"]["source"] > 2 * alone["direct"]["wal_bytes"]["source"]
    with open(run.report_path.replace(".json", ".html"), encoding="utf-8") as file:
        assert "Each path had the machine to itself" in file.read()
