"""The dashboard's queries and the alarms' expressions, in a real Prometheus that scrapes a real relay and consumer."""
import json
import math
import os
import re
import time

import pytest

from harness.paths import TOP
from harness.prometheus import Prometheus
from harness.wait import until

RULES = os.path.join(TOP, "deploy", "prometheus", "outbox.rules.yml")
ALARMS = len(re.findall(r"(?m)^ *- alert:", open(RULES, encoding="utf-8").read()))


def dashboard():
    with open(os.path.join(TOP, "deploy", "grafana", "outbox.json"), encoding="utf-8") as file:
        return json.load(file)


def as_grafana_sends_it(expr):
    """With everything chosen, and a rate over some scrapes."""
    for name, value in (("$__rate_interval", "10s"), ("$relay", ".+"), ("$consumer", ".+")):
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def numbers(prometheus, expr, since):
    """Of all series over the time since then."""
    found = prometheus.get("query_range", query=expr, start=since, end=time.time(), step="1s")["result"]
    return [number for series in found for _, text in series["values"] for number in [float(text)]
            if math.isfinite(number)]


@pytest.fixture
def watched(make_scene, own, broker, reap, seed):
    """A relay and a consumer under load, and their Prometheus."""
    source = own.cluster("source", {"max_slot_wal_keep_size": "2GB"})
    target = own.cluster("target", {"wal_level": "replica"})
    scene = make_scene(source, target, broker)
    relay, _ = scene.start_published()
    scene.apply_all("t", "load")
    scene.emit("load", "k")
    consumer = scene.consumer(**{"breaker.reset": "1s"}).start()
    prometheus = Prometheus(scene.base, reap, {"outbox-relay": [f"127.0.0.1:{relay.http_port}"],
                                               "outbox-consumer": [f"127.0.0.1:{consumer.http_port}"]}, [RULES])
    until(lambda: prometheus.healths() == ["up", "up"], lambda: f"both are scraped: {prometheus.get('targets')}")
    with scene.load(seed) as load:
        yield scene, prometheus, load
    prometheus.stop()


def choices_are_those_that_there_are(prometheus):
    variables = [v for v in dashboard()["templating"]["list"] if v["type"] == "query"]
    assert len(variables) == 2
    for variable in variables:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert len(prometheus.get(f"label/{label}/values", **{"match[]": metric})) == 1, variable["name"]


def test_every_query_has_an_answer_with_data(watched):
    _, prometheus, _ = watched
    since = time.time() - 1
    choices_are_those_that_there_are(prometheus)
    queries = [(panel["title"], target["expr"]) for panel in dashboard()["panels"]
               for target in panel.get("targets", ())]
    assert len(queries) > 50
    without = dict.fromkeys(queries)

    def all_have_data():
        for title, expr in list(without):
            if numbers(prometheus, as_grafana_sends_it(expr), since):
                del without[title, expr]
        return not without
    until(all_have_data, lambda: f"data for {list(without)}", 180, every=0.5)


def test_panels_have_a_place_of_their_own():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    squares = [(x, y) for panel in panels for place in [panel["gridPos"]]
               for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(set(squares)) == len(squares) and max(x for x, _ in squares) < 24


def test_alarms_are_silent_until_the_target_is_gone(watched):
    scene, prometheus, load = watched

    def evaluated():
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == ALARMS
        bad = [rule for rule in rules if rule["health"] == "err"]
        assert not bad, bad
        return all(rule["health"] == "ok" for rule in rules)
    until(evaluated, "every rule was evaluated")
    committed = load.committed
    until(lambda: load.committed > committed + 100, "events go through")
    # A machine that is busy may be too slow for a scrape.
    until(lambda: prometheus.alerts() == set(), lambda: f"silence: {prometheus.alerts()}")
    scene.target.stop("immediate")

    def the_breaker_s():
        """And none of the relay's, but for one of a scrape that came too late."""
        names = {name for name, _ in prometheus.alerts()}
        return "OutboxConsumerBreakerOpen" in names and not [name for name in names if name.startswith("OutboxRelay")]
    until(the_breaker_s, lambda: f"the alarm of the breaker: {prometheus.alerts()}", 90)
    scene.target.start()
    until(lambda: prometheus.alerts() == set(), lambda: f"silence: {prometheus.alerts()}", 60)
