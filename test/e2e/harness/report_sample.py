"""A report.json (version 2) as outbox-compare writes it, out of a small model: what the pages are
tested with.  The same seed is the same report.

Nothing in it was measured.  It has all that a report can have: a path that didn't take part, something
that couldn't be seen, an expectation that didn't hold, texts that would like to be HTML.
"""
import json
import math
import random

HOSTILE = "</script><img src=x onerror=\"window.hostile=1\"> & 'quotes'"

PATHS = [
    ("direct", "Direct", "The request inserts into the target database and answers 201."),
    ("direct-retry", "Direct, with retries",
     "The same with retries within the client's patience and a circuit breaker."),
    ("dual-write", "Dual write", "COMMIT in the source, then a message to Kafka that nobody awaits."),
    ("kafka-first", "Kafka first", "The request is a message to Kafka; no database."),
    ("outbox", "Outbox", "Rows and event in one transaction of the source; relay and consumer do the rest."),
    ("outbox-wal", "Outbox in the WAL", "The same without a table: the event is a logical message."),
]

# Which parts a request needs to be accepted, and which a row needs to arrive.
ACCEPTS = {"direct": {"app", "target"}, "direct-retry": {"app", "target"}, "dual-write": {"app", "source"},
           "kafka-first": {"app", "broker"}, "outbox": {"app", "source"}, "outbox-wal": {"app", "source"}}
DELIVERS = {"direct": {"target"}, "direct-retry": {"target"},
            "dual-write": {"broker", "consumer", "target"},
            "kafka-first": {"broker", "consumer", "target"},
            "outbox": {"source", "relay", "broker", "consumer", "target"},
            "outbox-wal": {"source", "relay", "broker", "consumer", "target"}}
CALM_MS = {"direct": 3.1, "direct-retry": 3.2, "dual-write": 3.4, "kafka-first": 5.6, "outbox": 3.6,
           "outbox-wal": 3.3}

# name, title, faults as (text, part, from, until) in parts of the duration
SCENARIOS = [
    ("calm", "Nothing fails", []),
    ("target-crash", "The target database crashes", [("crash target", "target", .3, .7)]),
    ("source-crash", "The source database crashes", [("crash source", "source", .3, .6)]),
    ("broker-crash", "Kafka's broker crashes", [("crash broker", "broker", .3, .6)]),
    ("relay-kill", "The relay is killed", [("crash relay", "relay", .3, .6)]),
    ("consumer-kill", "The consumer is killed", [("crash consumer", "consumer", .3, .6)]),
    ("app-crash", "The application is killed", [("crash app", "app", .4, .5)]),
    ("target-blackhole", "Packets to the target vanish", [("blackhole target", "target", .3, .6)]),
    ("two-at-once", "Two at once", [("crash target", "target", .3, .6),
                                    ("crash consumer", "consumer", .4, .8)]),
    ("hostile", HOSTILE, [("crash <b>target</b>", "target", .2, .4)]),
]


def percentiles(values):
    values = sorted(values) or [0]

    def at(share):
        return round(values[min(len(values) - 1, math.ceil(share * len(values)) - 1)], 3)
    return {"p50": at(.5), "p90": at(.9), "p99": at(.99), "p999": at(.999), "max": at(1)}


class Path:
    """One path through one run, second by second."""

    def __init__(self, name, rate, rng):
        self.name, self.rate, self.rng = name, rate, rng
        self.waiting = []
        self.latencies, self.ages = [], []
        self.counts = dict.fromkeys(("offered", "accepted", "rejected", "unknown", "in_target", "lost",
                                     "order_violations"), 0)

    def second(self, t, load, down):
        counts = {"offered": load, "accepted": 0, "rejected": 0, "unknown": 0}
        needs = ACCEPTS[self.name]
        if load and needs & down:
            counts["unknown"] = 2 if self.rng.random() < .15 else 0
            counts["rejected"] = load - counts["unknown"]
        else:
            counts["accepted"] = load
        millis = [CALM_MS[self.name] * (1 + self.rng.expovariate(2.5)) for _ in range(counts["accepted"])]
        if millis and self.rng.random() < .15:
            millis[0] *= 9
        self.latencies += millis
        for key, value in counts.items():
            self.counts[key] += value
        lost = 0
        if self.name == "dual-write" and down & {"app", "broker"} and counts["accepted"]:
            lost = 3
            self.counts["lost"] += lost
        self.waiting += [t] * (counts["accepted"] - lost)
        arrived = 0
        if not DELIVERS[self.name] & down:
            arrived = min(len(self.waiting), 6 * self.rate)
        ages = [max(t - since, 0) + .02 + .05 * self.rng.random() for since in self.waiting[:arrived]]
        if self.name.startswith("direct"):
            ages = [.002] * len(ages)
        self.ages += ages
        del self.waiting[:arrived]
        self.counts["in_target"] += arrived
        summary = percentiles(millis)
        return dict(counts, p50_ms=summary["p50"] if millis else None,
                    p99_ms=summary["p99"] if millis else None,
                    in_target=None if "target" in down else self.counts["in_target"],
                    freshness_s=round(max(ages), 3) if ages else None)

    def result(self, drain_s, recovery_s):
        counts, offered = self.counts, self.counts["offered"]
        pending = len(self.waiting)
        ages = percentiles(self.ages)
        return dict(
            counts, duplicates=0, pending=pending, invented=0, closes=True,
            unknown_stored=min(counts["unknown"], 2), unknown_missing=min(counts["unknown"], 1),
            rejected_because={reason: count for reason, count in (("busy", min(counts["rejected"], 1)),
                                                                  ("away", max(counts["rejected"] - 1, 0))) if count > 0},
            durable=counts["accepted"], accepted_in_target=counts["in_target"],
            rates={"accepted": round(100 * counts["accepted"] / offered, 3),
                   "durable": round(100 * counts["accepted"] / offered, 3),
                   "visible": round(100 * counts["in_target"] / offered, 3)},
            latency_ms=percentiles(self.latencies), drain_s=drain_s, recovery_s=recovery_s,
            freshness_s={key: ages[key] for key in ("p50", "p99", "max")})


def breaker_of(t, faults, after):
    for fault in faults:
        if fault["part"] == "target" and fault["from_s"] + 1 <= t < fault["until_s"] + after:
            return "half_open" if int(t - fault["from_s"]) % 4 == 3 else "open"
    return "closed"


def one_run(rng, seed, faults, duration, rate, names):
    paths = {name: Path(name, rate, rng) for name in names}
    timeline = []
    retained = 180_000
    t = 0
    while t < duration or any(path.waiting for path in paths.values()):
        active = [i for i, fault in enumerate(faults) if fault["from_s"] <= t < fault["until_s"]]
        down = {faults[i]["part"] for i in active}
        load = rate if t < duration else 0
        rows = {name: path.second(t, load, down) for name, path in paths.items()}
        stuck = down & {"relay", "broker"}
        retained = retained + 620 * rate if stuck else max(180_000, retained // 3)
        lag = sum(len(path.waiting) for name, path in paths.items() if not name.startswith("direct"))
        timeline.append({"t": t, "faults": active,
                         "breaker": None if "consumer" in down else breaker_of(t, faults, 1),
                         "lag": None if down & {"consumer", "broker"} else lag,
                         "retained_wal_bytes": None if "source" in down else retained, "paths": rows})
        t += 1
    back = max((fault["until_s"] for fault in faults), default=None)
    drain = None if back is None else round(max(t - 1 - back, 0.2), 3)
    results = {name: path.result(drain if not name.startswith("direct") else 0.0,
                                 None if back is None else round(.05 + rng.random() / 5, 3))
               for name, path in paths.items()}
    return {"seed": seed, "interrupted": False, "took_s": round(t + 1.4, 3),
            "faults": [{"text": fault["text"], "from_s": round(fault["from_s"] + .013, 3),
                        "until_s": round(fault["until_s"] + .64, 3)} for fault in faults],
            "paths": results, "timeline": timeline}


def expectations(results):
    for name, result in results.items():
        if name.startswith("outbox"):
            yield {"path": name, "text": "lost = 0", "measured": result["lost"], "held": result["lost"] == 0}
            yield {"path": name, "text": "visible >= 60%", "measured": result["rates"]["visible"],
                   "held": result["rates"]["visible"] >= 60}
        elif name == "direct":
            yield {"path": name, "text": "lost = 0", "measured": result["lost"], "held": result["lost"] == 0}
        elif name == "dual-write":
            # Of a run in which it loses, this doesn't hold.
            yield {"path": name, "text": "lost <= 12", "measured": result["lost"],
                   "held": result["lost"] <= 12}


def cost(rng, results):
    offered = next(iter(results.values()))["offered"]
    return {"cpu_s": {part: round(.4 + rng.random() * offered / 900, 3)
                      for part in ("app", "source", "target", "relay", "consumer", "broker")},
            "wal_bytes": {"source": offered * 4200, "target": offered * 3900}}


def price(results):
    """Each path alone: what is above the idle parts' own is 1 ms and 640 bytes a request, for some more."""
    def cost(seconds, requests, dear):
        return {"took_s": seconds, "cpu_s": {"broker": round(.1 * seconds + requests * .001 * (2 if dear else 1), 6)},
                "wal_bytes": {"source": 50 * seconds + requests * (1220 if dear else 0),
                              "target": 10 * seconds + requests * 640}}
    return {"idle": cost(5, 0, False),
            "paths": {name: dict(cost(12, 500, name.startswith("outbox")), offered=500,
                                 latency_ms=result["latency_ms"]) for name, result in results.items()}}


def scenario(rng, entry, duration, rate, seeds):
    name, title, parts = entry
    faults = [{"text": text, "part": part, "from_s": share * duration, "until_s": until * duration}
              for text, part, share, until in parts]
    # A path that didn't take part.
    names = [path[0] for path in PATHS if (name, path[0]) != ("app-crash", "kafka-first")]
    runs = []
    for repeat, seed in enumerate(seeds):
        run = one_run(rng, seed, faults, duration, rate, names)
        run["repeat"] = repeat + 1
        run["expectations"] = list(expectations(run["paths"]))
        run["passed"] = all(expected["held"] for expected in run["expectations"])
        run["cost"] = cost(rng, run["paths"])
        runs.append(run)
    lines = [f"title = {title}", f"duration = {duration}s", f"rate = {rate}"]
    lines += [f"at {fault['from_s']:g}s {fault['text']} until {fault['until_s']:g}s" for fault in faults]
    return {"name": name, "title": title, "about": f"What becomes of requests while this happens: {title}.",
            "file": "\n".join(lines) + "\n", "duration_s": duration, "rate": rate, "load": "constant",
            "faults": [{"kind": fault["text"].split(" ")[0], "where": fault["part"], "text": fault["text"],
                        "from_s": fault["from_s"], "until_s": fault["until_s"]} for fault in faults],
            "runs": runs, **({"price": price(runs[0]["paths"])} if name == "calm" else {})}


def report(seed=1, duration=20, rate=50, repeats=2):
    rng = random.Random(seed)
    scenarios = []
    for i, entry in enumerate(SCENARIOS):
        seeds = range(seed, seed + (repeats if i < 2 else 1))
        scenarios.append(scenario(rng, entry, duration, rate, seeds))
    runs = [run for entry in scenarios for run in entry["runs"]]
    return {"version": 2, "started_at": "2026-01-31T12:34:56.789Z", "commit": "0123456789ab",
            "machine": {"cpus": 2, "cpu": "A processor <of a model>", "memory_mb": 24000,
                        "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0"},
            "versions": {"postgresql": "15.20", "kafka": "4.1.0", "librdkafka": "2.0.2",
                         "pg_outbox": "0.2.0"},
            "settings": {"rate": rate, "drivers": 100, "pool_size": 8, "pool_wait_ms": 250,
                         "client_timeout_ms": 2000, "breaker_reset_s": 4.0},
            "seed": seed, "repeats": repeats, "interrupted": False,
            "passed": all(run["passed"] for run in runs),
            "took_s": round(sum(run["took_s"] for run in runs), 3),
            "paths": [{"name": name, "title": title, "about": about} for name, title, about in PATHS],
            "scenarios": scenarios}


if __name__ == "__main__":
    print(json.dumps(report(), indent=1))
