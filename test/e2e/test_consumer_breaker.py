"""outbox-consumer's circuit breaker: orders by HTTP and signal, and rates."""
import json
import signal

import pytest

from harness.feed import Feed
from harness.illness import ILL_HANDLER, breaker, changes, counted, failing, modes, transitions
from harness.wait import until

LONG = {"breaker.reset": "1h", "breaker.reset_max": "1h"}


@pytest.fixture
def stage(make_scene, own_target, broker):
    scene = make_scene(None, own_target, broker)
    scene.apply_all("t")
    return scene


@pytest.fixture
def ward(stage):
    """The same with a handler that asks whether the target is ill."""
    failing(stage, None)
    stage.handlers[stage.topic("t")]["sql"] = ILL_HANDLER
    return stage


def lag(consumer):
    return sum(v for k, v in consumer.metrics().items()
               if k.startswith("outbox_consumer_lag_records{"))


def taken_ill(ward, illness, first, then, **settings):
    """A consumer that applied the first events before the target fell ill, and has more of them to apply."""
    feed = Feed(ward, partitions=1)
    feed.send(first)
    consumer = ward.consumer(**settings).start()
    feed.wait_applied()
    failing(ward, illness)
    feed.send(then)
    return feed, consumer


def mode(consumer):
    shown = [m for m in ("auto", "forced-open", "disabled")
             if consumer.metrics()[f'outbox_consumer_breaker_mode{{mode="{m}"}}'] == 1]
    assert len(shown) == 1, shown
    return shown[0]


def test_forced_open_it_holds_everything_and_loses_nothing(stage):
    feed = Feed(stage)
    feed.send(50)
    consumer = stage.consumer(**{"breaker.reset": "100ms"}).start()
    feed.wait_applied()
    status, text = consumer.post("/breaker/open")
    assert (status, json.loads(text)["state"], json.loads(text)["mode"]) == (200, "open", "forced-open")
    assert json.loads(text)["retry_in_ms"] is None
    feed.send(300)
    until(lambda: lag(consumer) == 300, "all of it waits")
    # Much longer than a breaker that opened by itself would.
    until(lambda: consumer.metric("outbox_consumer_lag_seconds") > 1.5, "it waits for long")
    assert len(stage.applied()) == 50
    assert breaker(consumer) == 2 and mode(consumer) == "forced-open"
    assert consumer.metric("outbox_consumer_paused") == 1
    assert consumer.metric("outbox_consumer_parked_records") == 300
    assert consumer.metric("outbox_consumer_paused_seconds_total") > 1
    assert consumer.http("/readyz") == (503, "the circuit breaker is forced open\n")
    assert consumer.http("/healthz")[0] == 200
    # Once more changes nothing.
    assert consumer.post("/breaker/open")[0] == 200
    status, text = consumer.post("/breaker/close")
    assert (status, json.loads(text)["state"], json.loads(text)["mode"]) == (200, "closed", "auto")
    feed.wait_applied()
    consumer.wait_ready()
    paused = consumer.metric("outbox_consumer_paused_seconds_total")
    assert consumer.metric("outbox_consumer_parked_records") == 0
    assert transitions(consumer) == [("closed", "open", "mode was set"), ("open", "closed", "by hand")]
    assert consumer.metric("outbox_consumer_paused_seconds_total") == paused
    assert changes(consumer)[1]["lasted_ms"] > 1000
    assert counted(consumer) == {("closed", "open"): 1, ("open", "closed"): 1}
    assert modes(consumer) == [("auto", "forced-open", "POST /breaker/open"),
                               ("forced-open", "auto", "POST /breaker/close")]
    assert not consumer.problems()


def test_signals_force_and_release_it(stage):
    """Also over an end in order, one by kill -9, and a start with the mode in the settings."""
    feed = Feed(stage)
    feed.send(50)
    consumer = stage.consumer(**{
        "breaker.mode": "forced-open", "kafka.session.timeout.ms": "6000"}).start(ready=False)
    consumer.wait_log("partitions were assigned")
    assert breaker(consumer) == 2 and stage.applied() == []
    assert consumer.metric("outbox_consumer_connects_total") == 0
    consumer.signal(signal.SIGUSR2)
    feed.wait_applied()
    consumer.wait_ready()
    consumer.signal(signal.SIGUSR1)
    until(lambda: breaker(consumer) == 2, "it is forced open")
    feed.send(100)
    until(lambda: lag(consumer) == 100, "all of it waits")
    assert modes(consumer) == [("forced-open", "auto", "SIGUSR2"), ("auto", "forced-open", "SIGUSR1")]
    assert consumer.stop() == 0
    assert len(stage.applied()) == 50
    consumer.start(ready=False)
    consumer.wait_log("partitions were assigned")
    consumer.kill()
    assert len(stage.applied()) == 50
    # The group gives the partitions again when the session of the dead one is over.
    consumer.start(ready=False)
    consumer.wait_log('"started"')
    consumer.signal(signal.SIGUSR2)
    feed.wait_applied()
    assert not consumer.problems()


def test_an_order_to_try_at_once(ward):
    """After the target was mended nobody has to wait for an hour."""
    feed = Feed(ward)
    feed.send(30)
    consumer = ward.consumer(**LONG).start()
    feed.wait_applied()
    status, text = consumer.post("/breaker/half-open")
    assert status == 409 and "closed" in text
    failing(ward, "53100")
    feed.send(100)
    until(lambda: breaker(consumer) == 2, "the breaker opens")
    shown = json.loads(consumer.http("/breaker")[1])
    assert shown["mode"] == "auto" and 3000000 < shown["retry_in_ms"] <= 3600000
    # Too early: it opens again.
    assert consumer.post("/breaker/half-open")[0] == 200
    until(lambda: len(transitions(consumer)) == 3, "the probe fails")
    failing(ward, None)
    assert consumer.post("/breaker/half-open")[0] == 200
    until(lambda: breaker(consumer) == 0, "the breaker closes")
    feed.wait_applied()
    assert transitions(consumer) == [
        ("closed", "open", "failures in a row"), ("open", "half-open", "by hand"),
        ("half-open", "open", "probe failed"), ("open", "half-open", "by hand"),
        ("half-open", "closed", "successes")]
    assert not consumer.problems()


def test_disabled_it_never_opens(ward):
    feed = Feed(ward)
    feed.send(30)
    consumer = ward.consumer(**LONG, **{"breaker.failures": "2"}).start()
    feed.wait_applied()
    assert consumer.post("/breaker/disable")[0] == 200
    failing(ward, "53100")
    feed.send(30)
    failures = 'outbox_consumer_retries_total{class="infrastructure"}'
    until(lambda: consumer.metrics()[failures] > 5, "it goes on trying")
    assert breaker(consumer) == 0 and mode(consumer) == "disabled"
    # Back to what it was at the start: now it counts.
    assert consumer.post("/breaker/reset")[0] == 200
    assert mode(consumer) == "auto"
    until(lambda: breaker(consumer) == 2, "the breaker opens")
    failing(ward, None)
    assert consumer.post("/breaker/close")[0] == 200
    feed.wait_applied()
    assert transitions(consumer) == [("closed", "open", "failures in a row"), ("open", "closed", "by hand")]
    assert not consumer.problems()


def test_orders_that_are_refused(stage):
    consumer = stage.consumer().start(ready=False)
    until(lambda: consumer.http("/healthz")[0] == 200, "it answers")
    here = f"127.0.0.1:{consumer.http_port}"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                    {"Host": "evil.example"},
                    {"Host": f"evil.example:{consumer.http_port}",
                     "Origin": f"http://evil.example:{consumer.http_port}"}):
        assert consumer.post("/breaker/open", **headers)[0] == 403, headers
    assert consumer.http("/breaker/open")[0] == 405
    status, text = consumer.post("/breaker/shut")
    assert status == 404 and "half-open" in text
    assert consumer.post("/breaker/")[0] == 404
    assert consumer.post("/breaker")[0] == 405
    assert breaker(consumer) == 0 and modes(consumer) == []
    assert consumer.post("/breaker/open", Origin=f"http://{here}")[0] == 200
    assert breaker(consumer) == 2


def test_a_slow_target_opens_it(ward):
    """Every batch comes through, and takes too long; a small one that does isn't enough either."""
    feed, consumer = taken_ill(ward, "slow", 5, 100, **{
        "breaker.slow_rate": "60", "breaker.slow_duration": "500ms", "breaker.window_type": "count",
        "breaker.window_size": "5", "breaker.window_calls": "3", "breaker.reset": "500ms",
        "batch.max_records": "5"})
    until(lambda: len(transitions(consumer)) >= 3, "a probe is slow, too")
    opened = changes(consumer)[0]
    assert transitions(consumer)[:3] == [
        ("closed", "open", "slow-call rate"), ("open", "half-open", "wait is over"),
        ("half-open", "open", "probe was slow")]
    assert 3 <= opened["window_calls"] <= 5 and opened["window_failures"] == 0
    assert opened["window_slow"] * 100 >= opened["window_calls"] * 60
    assert consumer.metrics()['outbox_consumer_retries_total{class="infrastructure"}'] == 0
    failing(ward, None)
    feed.wait_applied()
    until(lambda: breaker(consumer) == 0, "the breaker closes")
    assert ("half-open", "closed", "successes") in transitions(consumer)
    assert not consumer.problems()


def test_a_target_that_fails_every_other_time_opens_it(ward):
    """Never two failures in a row."""
    feed, consumer = taken_ill(ward, "every other", 3, 30, **{
        "breaker.failures": "2", "breaker.failure_rate": "40", "breaker.window_type": "count",
        "breaker.window_size": "6", "breaker.window_calls": "6", "breaker.reset": "300ms",
        "batch.max_records": "1"})
    until(lambda: changes(consumer), "the breaker opens")
    opened = changes(consumer)[0]
    assert opened["reason"] == "failure rate" and opened["failures"] < 2
    assert opened["window_calls"] == 6 and opened["window_failures"] == 3
    failing(ward, None)
    feed.wait_applied()
    until(lambda: breaker(consumer) == 0, "the breaker closes")
    assert not consumer.problems()


def test_the_wait_grows(ward):
    feed, consumer = taken_ill(ward, "53100", 3, 30, **{
        "breaker.reset": "200ms", "breaker.growth_percent": "200", "breaker.reset_max": "700ms"})

    def waits():
        return [e["retry_in_ms"] for e in changes(consumer) if e["to"] == "open"]
    until(lambda: len(waits()) >= 4, "it opens four times")
    assert waits()[:4] == [200, 400, 700, 700]
    failing(ward, None)
    feed.wait_applied()
    until(lambda: breaker(consumer) == 0, "the breaker closes")
    closed = len(waits())
    failing(ward, "53100")
    feed.send(30)
    until(lambda: len(waits()) > closed, "it opens again")
    assert waits()[closed] == 200
    failing(ward, None)
    feed.wait_applied()
    assert not consumer.problems()
