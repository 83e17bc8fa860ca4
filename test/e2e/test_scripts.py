"""The scripts that everything else is started with."""
import os
import secrets
import shutil
import subprocess

import pytest
from confluent_kafka import Producer

from harness.paths import TOP
from harness.ports import free_port


def run(*command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=120, **options)


# ---------------------------------------------------------------------------
# kafka
# ---------------------------------------------------------------------------

def test_a_broker_keeps_its_data_and_port(own_broker):
    topic = "kept" + secrets.token_hex(4)
    own_broker.create_topic(topic, 1)
    producer = Producer({"bootstrap.servers": own_broker.servers, "acks": "all", "log_level": 0})
    for end in (own_broker.kill, own_broker.stop):
        producer.produce(topic, b"x")
        assert producer.flush(30) == 0
        before = own_broker.count(topic)
        end()
        assert run(os.path.join(TOP, "scripts", "kafka"), "status", own_broker.base).returncode == 1
        own_broker.restart()
        assert own_broker.count(topic) == before
    assert own_broker.count(topic) == 2


def test_brokers_have_identities_of_their_own(broker, own_broker):
    """Though the second one's storage is a copy of what was formatted for the first."""
    def identities(one):
        with open(os.path.join(one.base, "data", "meta.properties"), encoding="ascii") as file:
            found = dict(line.strip().split("=", 1) for line in file if "=" in line)
        return {found["cluster.id"], found["directory.id"]}
    assert len(identities(broker) | identities(own_broker)) == 4


def test_a_broker_refuses_a_port_that_is_taken(own_broker, base):
    script = os.path.join(TOP, "scripts", "kafka")
    second = os.path.join(base, "second" + str(free_port()))
    done = run(script, "start", second, str(own_broker.port))
    assert done.returncode == 1 and str(own_broker.port) in done.stdout
    assert own_broker.partitions("nothing") == 0
    assert run(script, "start", own_broker.base).returncode == 1
    assert run(script, "stop", second).returncode == 0
    assert run(script, "restart", base).returncode == 1


# ---------------------------------------------------------------------------
# check and check-layers, in a tree of their own
# ---------------------------------------------------------------------------

@pytest.fixture
def tree(tmp_path):
    shutil.copytree(os.path.join(TOP, "scripts"), tmp_path / "scripts")
    for name in ("common", "relay", "consumer", "compare", "extension", "test/regress"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def write(path, text, mode=0o644):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize("script, status, last", [
    ("echo noise; echo '3 passed, 0 failed'", 0, "3 passed, 0 failed"),
    ("echo '3 passed, 0 failed, 1 skipped'", 0, "3 passed, 0 failed, 1 skipped"),
    ("echo '2 passed, 1 failed'; exit 1", 1, "2 passed, 1 failed"),
    ("echo '2 passed, 1 failed'", 1, "2 passed, 1 failed"),
    ("echo '3 passed, 0 failed'; exit 1", 1, "3 passed, 1 failed"),
    ("echo '0 passed, 0 failed'", 1, "0 passed, 1 failed"),
    ("echo '3 passed, 0 failed'; kill -9 $$", 1, "3 passed, 1 failed"),
    ("echo crashed before the count; exit 1", 1, "0 passed, 1 failed"),
    ("true", 1, "0 passed, 1 failed"),
])
def test_check_counts_what_a_suite_says(tree, script, status, last):
    write(tree / "test/regress/run", "#!/bin/sh\n" + script + "\n", 0o755)
    done = run(str(tree / "scripts/check"), "regress")
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1]) == (status, last), done.stdout


@pytest.mark.parametrize("path, text", [
    ("relay/window.c", "#include <libpq-fe.h>\n"),
    ("consumer/batch.c", "#include <librdkafka/rdkafka.h>\n"),
    ("relay/window.c", "x = clock_gettime(CLOCK_MONOTONIC, &t);\n"),
    ("common/log.c", "\texit(1);\n"),
    ("relay/route.c", '#include "../consumer/batch.h"\n'),
    ("common/log.c", '#include "../relay/event.h"\n'),
    ("compare/ledger.c", "\tstrcpy(a, b);\n"),
    ("extension/emit.c", "#if PG_VERSION_NUM >= 160000\n"),
])
def test_check_layers_finds_what_breaks_a_rule(tree, path, text):
    for good in ("relay/pg_source.c", "consumer/pg_target.c"):
        write(tree / good, "#include <libpq-fe.h>\n")
    write(tree / "relay/kafka_sink.c", "#include <librdkafka/rdkafka.h>\n")
    write(tree / "common/clock.c", "\tclock_gettime(CLOCK_MONOTONIC, &t);\n")
    write(tree / "relay/main.c", "\texit(1);\n")
    write(tree / "extension/compat.h", "#if PG_VERSION_NUM >= 160000\n")
    done = run(str(tree / "scripts/check-layers"))
    assert done.returncode == 0, done.stdout
    write(tree / path, text)
    done = run(str(tree / "scripts/check-layers"))
    assert done.returncode == 1 and path in done.stdout


# ---------------------------------------------------------------------------
# check-settled
# ---------------------------------------------------------------------------

SETTLES = [
    ("relay_topics.c", "	relay_drop_topic(relay);\n", "	window_settle(relay->window, 1, NULL);\n"),
    ("pump.c", "	if (pump->suppressed || point_before(point, pump->resume))",
     "	if (event->payload.len > 900000)\n		return PUMP_MORE;\n"
     "	if (pump->suppressed || point_before(point, pump->resume))"),
    ("pump.c", "	if (verdict != PUMP_MORE)\n		return verdict;\n	event_trace_fill", "	event_trace_fill"),
    ("pump_transaction.c", "	if (window_events(pump->window) == 0)\n", "	if (true)\n"),
    ("pump_settle.c", "	if (delivery->token == 0)\n	{\n		pump_take_end", "	{\n		pump_take_end"),
    ("kafka_sink.c", "delivery.delivered = !delivery.written;", "delivery.delivered = true;"),
    ("kafka_sink_transactions.c", "		if (!result.done)\n", "		if (false)\n"),
    ("relay_delivery.c", "		relay_refuse_to_begin(relay, &error, now);\n		return false;\n	}\n",
     "		relay->delivery = DELIVERY_KNOWN;\n		pump_is_in_kafka(relay->pump, &relay->position_before);\n	}\n"),
    ("pump_settle.c", "	if (!delivery->delivered)\n", "	if (false)\n"),
    ("pump_settle.c", "	pump->condemned = point;\n", "	pump->condemned = point;\n	pump->resume = point;\n"),
    ("relay_poison.c", "	wait_to_bury(relay, now);\n	return true;",
     "	return pump_buried(relay->pump, &(DeadLetterReceipt){pump_poison(relay->pump)->event.position}, NULL);"),
    ("relay_poison.c", "	if (reply->failed)\n	{", "	if (false)\n	{"),
    ("peek.c", "status, LSN_INVALID, LSN_INVALID", "status, peek->end, peek->end"),
    ("replay_send.c", "	if (delivery->delivered)\n", "	if (true)\n"),
    ("kafka_sink.c", "message->err == RD_KAFKA_RESP_ERR_NO_ERROR && ", "true && "),
    ("window.c", "	if (window_is_idle(window) && wal_end > window->confirmed)", "	if (window->confirmed = wal_end)"),
    ("window.c", "	*newest_transaction(window) =\n", "	window->confirmed = commit_lsn;\n	*newest_transaction(window) =\n"),
    ("relay_end.c", "	relay_end_session(relay);\n", "	relay->pump->durable = 1;\n	relay_end_session(relay);\n"),
    ("pump.c", "		case ASSEMBLED_EVENT:\n", "		case ASSEMBLED_EVENT:\n			if (pending->event.payload.len == 0)\n"
     "				return PUMP_MORE;\n"),
    ("pump.c", "	pump->held = true;\n", "	pump->held = pump->pending.event.payload.len > 0;\n"),
    ("pump.c", "	if (io != IO_FAILED)\n		return PUMP_HELD;\n",
     "	if (io != IO_FAILED)\n		return PUMP_HELD;\n	if (event->payload.len > 900000)\n		return verdict_of(IO_OK);\n"),
    ("pump.c", "message, pump->durable, pump->durable,", "message, pump->stats.server_end, pump->durable,"),
    ("pump_marks.c", "confirmed > pump->durable ? confirmed : pump->durable,", "pump->stats.server_end,"),
    ("pump_session.c", "window_reset(pump->window, mark_lsn)", "window_reset(pump->window, pump->stats.server_end)"),
    ("pump_session.c", "window_confirmed(pump->window));\n	pump->failed", "pump->stats.server_end);\n	pump->failed"),
    ("pump_settle.c", "	if (pump->failed)\n		return;", "	if (pump->failed || !poison_is(&delivery->error))\n		return;"),
    ("relay_session.c", "start_pump(relay, relay->facts.mark_lsn,", "start_pump(relay, relay->identity.flushed,"),
    ("relay_session.c", "	relay->facts.mark_lsn = relay->facts.start_lsn;", "	relay->facts.mark_lsn = relay->identity.flushed;"),
    ("relay_chores.c", ".mark_lsn = relay->mark.mark_lsn,", ".mark_lsn = relay->identity.flushed,"),
    ("kafka_sink.c", "	/* In a transaction, too: what is acknowledged and wasn't written would be committed as a hole. */\n", "	if (event->value.len == 0)\n		return IO_OK;\n"),
    ("assemble.c", "	if (relation->kind == RELATION_FOREIGN)\n", "	if (relation->kind == RELATION_FOREIGN || out == NULL)\n"),
    ("assemble.c", "	if (event->aggregate_type.data == NULL)\n",
     "	if (event->aggregate_type.data == NULL)\n		return true;\n	if (false)\n"),
]


def test_the_tree_settles_by_proof_alone():
    done = run(os.path.join(TOP, "scripts", "check-settled"))
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.parametrize("file, old, new", SETTLES)
def test_a_path_that_confirms_without_proof_is_found(base, file, old, new):
    there = os.path.join(base, "settled-" + str(free_port()))
    shutil.copytree(os.path.join(TOP, "relay"), there)
    with open(os.path.join(there, file), encoding="utf-8") as source:
        text = source.read()
    assert old in text, f"{file} has changed: mend this test"
    with open(os.path.join(there, file), "w", encoding="utf-8") as source:
        source.write(text.replace(old, new, 1))
    done = run(os.path.join(TOP, "scripts", "check-settled"), there)
    assert done.returncode == 1 and file in done.stdout, done.stdout


# ---------------------------------------------------------------------------
# check-named-tests
# ---------------------------------------------------------------------------

def test_every_fault_and_every_guarantee_has_its_test():
    done = run(os.path.join(TOP, "scripts", "check-named-tests"))
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.parametrize("page, old, new", [
    ("faults", "::test_the_relay_stops_at_a_gap`", "::test_the_relay_stops_at_a_gap_no_more`"),
    ("faults", "`e2e/test_gap.py::", "`e2e/test_no_gap.py::"),
    ("faults", "::leaders_that_move`", "::leaders`"),
    ("faults", "`unit/test_kafka_faults.c::leaders_that_move`", "it can't be tested"),
    ("faults", "::takes_a_keepalive_only_at_rest`", "::give_relation`"),
    ("guarantees", "::test_a_committed_event_is_published`", "::test_of_nothing`"),
    ("guarantees", "nothing promised, nothing to show", "it is so"),
    ("../SECURITY", "::test_a_crash_leaves_no_core`", "::test_a_crash`"),
])
def test_what_has_no_test_is_found(base, page, old, new):
    there = os.path.join(base, "named-" + str(free_port()))
    os.mkdir(there)
    os.symlink(os.path.join(TOP, "test"), os.path.join(there, "test"))
    shutil.copytree(os.path.join(TOP, "docs"), os.path.join(there, "docs"))
    shutil.copy(os.path.join(TOP, "SECURITY.md"), there)
    path = os.path.join(there, "docs", page + ".md")
    with open(path, encoding="utf-8") as source:
        text = source.read()
    assert old in text, "the page has changed: mend this test"
    with open(path, "w", encoding="utf-8") as source:
        source.write(text.replace(old, new, 1))
    done = run(os.path.join(TOP, "scripts", "check-named-tests"), there)
    assert done.returncode == 1 and os.path.normpath(f"docs/{page}.md") in done.stdout, done.stdout


# ---------------------------------------------------------------------------
# check-compose
# ---------------------------------------------------------------------------

def test_compose_yml_is_as_locked_up_as_it_says():
    done = run(os.path.join(TOP, "scripts", "check-compose"))
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.parametrize("old, new, finding", [
    ("  read_only: true\n", "", "root file system"),
    ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "capabilities"),
    ("  security_opt: ['no-new-privileges:true']\n", "", "privileges"),
    ("'127.0.0.1:${SOURCE_PORT", "'${SOURCE_PORT", "open to others"),
    ("target: relay}", "target: programs}", "its user is root"),
    ("    secrets: [relay-password]\n", "    environment: {PGPASSWORD: x}\n", "environment: not in the subset"),
    ("relay.ini:ro", "relay.ini", "can be written to"),
    ("compose/relay.ini:", "compose/replay.ini:", "there is no ./deploy/compose/replay.ini"),
    ("  app-password: {file:", "  app-password: {environment:", "not from a file"),
    ("    healthcheck: {<<: *health, test: [CMD, kafka-start, healthy]}\n", "", "no health check"),
    ("\n  relay:\n", "\n  publisher:\n", "Prometheus asks relay:9187"),
])
def test_what_is_open_in_compose_yml_is_found(tmp_path, old, new, finding):
    with open(os.path.join(TOP, "compose.yml"), encoding="utf-8") as source:
        text = source.read()
    assert old in text, "the file has changed: mend this test"
    (tmp_path / "compose.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    done = run(os.path.join(TOP, "scripts", "check-compose"), str(tmp_path / "compose.yml"))
    assert done.returncode == 1 and finding in done.stdout, done.stdout
