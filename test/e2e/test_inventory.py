"""The inventory scenario of outbox-compare: services that are called and services that
listen, one of them away, a service that comes last, and books that see what somebody
tampered with.
"""
import csv
import re
import signal

import psycopg
import pytest

from harness.wait import until

# And with time-outs that a busy machine keeps.
FAST = ("--paths=outbox", "--breaker.reset=300ms", "--pool.wait=2s", "--timeout.statement=5s", "--timeout.client=8s")
SERVICES = ("inventory", "pricing", "recommendation")
WRONG = ("lost", "pending", "duplicates", "order_violations", "invented", "different")
SHOP = """kind = inventory
title = A short one
duration = 5s
rate = 40
"""


def only_run(report):
    (played,) = report["inventory"]
    (run,) = played["runs"]
    return run


def wrong(service):
    return {name: service[name] for name in WRONG if service[name] != 0}


def assert_page(page, result):
    """The tables of the report say what report.json says."""
    for name, path in result["shop"].items():
        for service, books in path["services"].items():
            (row,) = re.findall(f'<tr data-path="{name}" data-service="{service}">(.*?)</tr>', page)
            for key in ("in_service", "accepted_in_service", *WRONG):
                assert f'<td data-is="{key}">{books[key]}</td>' in row, (service, key)
        (row,) = [row for row in re.findall(f'<tr data-path="{name}"><th(.*?)</tr>', page) if 'data-is="offered"' in row]
        for key in ("offered", "accepted", "rejected", "unknown", "durable", "everywhere", "partial"):
            assert f'<td data-is="{key}">{path[key]}</td>' in row, key
    assert f'<b data-is="orders">{result["replay"]["orders"]}</b>' in page


def assert_no_matrix(page):
    """Of a run without scenarios of the other kind: nothing that says "not run" of what nobody asked for."""
    assert re.findall('<nav>(.*?)</nav>', page) == ['<a href="#inventory">Services</a> <a href="#method">Method</a>']
    assert not set(re.findall('<section id="(.*?)"', page)) & {"matrix", "paths", "price", "estimate", "scenarios"}
    assert 'data-is="cells"' not in page and "of 0 cells" not in page


def assert_csv(run, result):
    """A row for each service: its own books, and what the client of its path saw."""
    with open(run.report_path.removesuffix(".json") + ".csv", encoding="utf-8", newline="") as file:
        rows = {(row["path"], row["service"]): row for row in csv.DictReader(file)}
    assert list(rows) == [(name, service) for name, path in result["shop"].items() for service in path["services"]]
    for (name, service), row in rows.items():
        path, books = result["shop"][name], result["shop"][name]["services"][service]
        assert row["run"] == row["closes"] == "yes" and row["recovery_s"] == ""
        for key, found in (("offered", path["offered"]), ("rejected", path["rejected"]), ("durable", path["durable"]),
                           ("in_target", books["in_service"]), ("accepted_in_target", books["accepted_in_service"]),
                           ("lost", books["lost"]), ("invented", books["invented"])):
            assert row[key] == str(found), (name, service, key)
        for key, found in (("visible_percent", path["rates"]["visible"]), ("p99_ms", path["latency_ms"]["p99"]),
                           ("freshness_max_s", (books["lag_s"] or {}).get("max"))):
            assert (float(row[key]) if row[key] else None) == found, (name, service, key)


@pytest.mark.slow
def test_one_service_away(compare, scenario):
    run = compare(scenario("away", SHOP.replace("5s", "10s").replace("40", "20") + """at 20% away pricing until 60%
expect sync rejected >= 20%, partial >= 1
expect outbox accepted = 100%, visible = 100%, partial = 0
expect outbox pricing lag >= 1s
expect outbox audit lost + pending + duplicates + order + different = 0
"""), *FAST)
    run.finish(0)
    report = run.report()
    assert report["passed"] and report["scenarios"] == []
    result = only_run(report)
    sync, outbox = result["shop"]["sync"], result["shop"]["outbox"]
    for path in (sync, outbox):
        assert path["offered"] == 200 == path["accepted"] + path["rejected"] + path["unknown"]
        assert sum(path["rejected_because"].values()) == path["rejected"]
        for service in path["services"].values():
            assert service["closes"]
            assert path["accepted"] == service["accepted_in_service"] + service["pending"] + service["lost"]
    # Inventory is called before pricing: it keeps what was refused in the end, but for what nobody was free to call.
    assert 0 < sync["services"]["inventory"]["invented"] <= sync["partial"] <= sync["rejected"] + sync["unknown"]
    assert sync["services"]["inventory"]["different"] > 0
    assert not wrong(sync["services"]["recommendation"])
    assert list(outbox["services"]) == [*SERVICES, "audit"]
    for service in outbox["services"].values():
        assert service["in_service"] == 200 and not wrong(service)
    lag = {name: outbox["services"][name]["lag_s"] for name in SERVICES}
    away = result["faults"][0]["until_s"] - result["faults"][0]["from_s"]
    assert lag["pricing"]["max"] >= away
    assert max(lag["inventory"]["max"], lag["recommendation"]["max"]) < lag["pricing"]["max"]
    assert result["replay"]["orders"] == 200 and result["replay"]["seconds"] > 0
    rows = result["shop_timeline"]
    assert sum(row["paths"]["outbox"]["offered"] for row in rows) == 200
    assert max(row["services"]["pricing"]["behind"] for row in rows if row["faults"]) >= 20
    assert "open" in {row["services"]["pricing"]["breaker"] for row in rows}
    assert rows[-1]["services"]["pricing"]["behind"] == 0
    assert_page(run.page(), result)
    assert_no_matrix(run.page())
    assert_csv(run, result)


@pytest.mark.slow
def test_books_see_what_was_tampered_with(compare, scenario):
    """Nobody is away; a row is doubled, one is gone, one says something else."""
    run = compare(scenario("tampered", SHOP.replace("5s", "12s") + "expect outbox lost + duplicates + different = 0\n"), *FAST)
    run.wait_log("A short one")

    def service():
        try:
            return run.target("recommendation_1")
        except (psycopg.OperationalError, FileNotFoundError):
            return None
    until(service, "the service's database is there", 200)
    with service() as session:
        def count():
            try:
                return session.execute(
                    "SELECT count(*) FROM purchase WHERE path = 'outbox'").fetchone()[0]
            except psycopg.errors.UndefinedTable:
                return 0
        until(lambda: count() >= 60, "60 orders came", 120)
        columns = "path, order_id, product, version, quantity, cents"
        row = "SELECT n FROM purchase WHERE path = 'outbox' ORDER BY n LIMIT 1"
        session.execute(f"INSERT INTO purchase ({columns}) SELECT {columns} FROM purchase"
                        f" WHERE n = ({row})")
        session.execute(f"DELETE FROM purchase WHERE n = ({row} OFFSET 10)")
        session.execute(f"UPDATE purchase SET cents = cents + 1 WHERE n = ({row} OFFSET 20)")
    run.finish(30)
    result = only_run(run.report())
    services = result["shop"]["outbox"]["services"]
    assert wrong(services["recommendation"]) == {"lost": 1, "duplicates": 1, "different": 1}
    assert result["shop"]["outbox"]["partial"] == 1
    assert not wrong(services["inventory"]) and not wrong(services["audit"])
    assert not result["passed"]
    assert [judged["text"] for judged in result["expectations"] if not judged["held"]] == [
        "lost + duplicates + different = 0"]


@pytest.mark.slow
def test_interrupted_while_one_is_away(compare, scenario):
    run = compare(scenario("interrupted", SHOP.replace("5s", "600s") + """at 1% away pricing until 90%
expect outbox lost = 0
"""), *FAST)

    def away():
        assert run.process.poll() is None, run.log()
        try:
            run.target("pricing_1").close()
        except FileNotFoundError:
            pass
        except psycopg.OperationalError as error:
            return "not currently accepting connections" in str(error)
        return False
    until(away, "pricing is away", 300)
    run.process.send_signal(signal.SIGINT)
    run.finish(130)
    report = run.report()
    result = only_run(report)
    assert report["interrupted"] and result["interrupted"] and not result["passed"]
    assert result["expectations"] == [] and result["replay"] is None
    (fault,) = result["faults"]
    assert 0 < fault["from_s"] < fault["until_s"] < 500
    for path in result["shop"].values():
        assert 0 < path["offered"] < 24000
        assert all(service["closes"] for service in path["services"].values())
    assert "audit" not in result["shop"]["outbox"]["services"]
