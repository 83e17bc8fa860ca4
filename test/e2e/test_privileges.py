"""Each role can do its work with exactly the block of docs/sql.md, and not more."""
import os
import re

import psycopg
import pytest
from psycopg import errors

from harness import markdown
from harness.daemon import run_once
from harness.paths import TOP
from harness.roles import blocks_of
from harness.wait import until


def test_readme_grants_what_writers_need():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        shown = [b for b in markdown.blocks(file.read()) if b.lstrip().startswith("GRANT")]
    assert [b.strip() for b in shown] == [b.strip() for b in blocks_of("Privileges") if "outbox.emit(" in b]


def refused(connection, statement):
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_what_the_relay_may_not_do_is_somebody_elses(scene, roles, exits):
    """init and doctor say whose, and not a GRANT that doesn't exist."""
    role = roles.make("relay", "outbox.heartbeat(name)", "LOGIN REPLICATION")
    settings = {"postgres.conninfo": scene.source.conninfo(scene.database, user=role)}

    def command(*arguments):
        return run_once(scene.relay(f"{arguments[0]}-{len(scene.daemons)}", command=arguments, **settings), 120)
    done = command("init")
    assert done.status == exits["EXIT_PERMISSION"] and "could not make the publication" in done.output, done
    assert "the owner of outbox.event" in done.output and "--postgres-conninfo" in done.output
    assert re.search(r"init # as a superuser or the owner of outbox.event: add --postgres-conninfo\n", command("doctor").output)
    scene.initialize()
    done = command("init", "--revoke-messages")
    assert done.status == exits["EXIT_PERMISSION"] and "as a superuser" in done.output, done
    done = command("teardown")
    assert done.status == exits["EXIT_PERMISSION"] and "Run teardown as a superuser or as the owner" in done.output, done


def test_every_role_with_its_block(scene, roles):
    """Writers write, the relay publishes, a monitor sees it; none of them is a superuser."""
    relay_role = roles.make("relay", "outbox.heartbeat(name)", "LOGIN REPLICATION")
    emitter = roles.make("app", "outbox.emit(")
    inserter = roles.make("app", "INSERT (id, aggregatetype")
    monitor = roles.make("monitor", "outbox.partition TO monitor")
    operator = roles.make("operator", "outbox.redrive(")
    scene.sql("REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text),"
              " pg_logical_emit_message(boolean, text, bytea) FROM PUBLIC")

    scene.initialize()
    conninfo = scene.source.conninfo(scene.database, user=relay_role)
    settings = {"postgres.conninfo": conninfo, "heartbeat.interval": "100ms",
                "maintain.interval": "100ms"}
    relay = scene.relay(**settings).start()
    with roles.connect(emitter) as writer:
        first = str(writer.execute("SELECT outbox.emit('t', 'k', 'T', '{}'::jsonb)").fetchone()[0])
        refused(writer, "SELECT * FROM outbox.event")
        refused(writer, "INSERT INTO outbox.event (aggregatetype) VALUES ('t')")
        refused(writer, "SELECT outbox.maintain()")
        refused(writer, "SELECT pg_logical_emit_message(true, 'pg_outbox', 'x')")
    with roles.connect(inserter) as writer:
        writer.execute("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload)"
                       " VALUES ('t', 'k', 'T', '{}')")
        refused(writer, "INSERT INTO outbox.event (aggregatetype, rot) VALUES ('t', 1)")
        refused(writer, "SELECT outbox.emit('t', 'k', 'T', '{}'::jsonb)")
        refused(writer, "DELETE FROM outbox.event")
    topic = scene.topic("t")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        assert [r.id for r in reader.some(2)][0] == first

    # The commands beside it need no more than it does.
    def command(*arguments):
        done = run_once(scene.relay(f"{arguments[0]}-{len(scene.daemons)}", command=arguments, **settings), 120)
        assert done.status == 0, done
        return done.output
    until(lambda: "acknowledged: 2" in command("replay", "--aggregate=t"), "a heartbeat has seen both", every=0.5)
    assert "missing: 0" in command("verify")
    assert scene.slot in command("status")
    done = run_once(scene.relay("doctor", command=("doctor",), **settings), 120)
    assert "GRANT" not in done.output, done
    command("peek")

    # The relay's rights carry it through a rotation, a heartbeat and a restart.
    until(lambda: scene.sql("SELECT heartbeat_snapshot IS NOT NULL AND"
                            " pg_visible_in_snapshot((SELECT max(xid) FROM outbox.event), heartbeat_snapshot)"
                            " FROM outbox.relay")[0][0], "a heartbeat is confirmed")
    assert relay.stop() == 0 and not relay.problems(), relay.problems()
    relay.start()

    standby = scene.relay("standby", **settings).start()
    columns = "slot_state, standby_relays, state, lag_seconds, dead_letters, failover_ready"
    with roles.connect(monitor) as connection:
        def status():
            return connection.execute(f"SELECT {columns} FROM outbox.status").fetchone()
        until(lambda: status()[:5] == ("streaming", 1, "ready", 0, 0), lambda: f"status is {status()}")
        refused(connection, "SELECT payload FROM outbox.event")
        refused(connection, "SELECT payload FROM outbox.dead_letter")
        refused(connection, "UPDATE outbox.relay SET mark_lsn = 'FFFFFFFF/0'")
        assert standby.stop() == 0
        until(lambda: status()[1] == 0, lambda: f"status is {status()}")
        assert relay.stop() == 0
        until(lambda: status()[0] == "idle", lambda: f"status is {status()}")
        scene.emit("t", "late")
        assert status()[3] > 0

    # What only the relay's role may do it may not do either beyond its block.
    with roles.connect(relay_role) as connection:
        refused(connection, "DELETE FROM outbox.relay")
        refused(connection, "INSERT INTO outbox.event (aggregatetype) VALUES ('t')")
        refused(connection, "SELECT outbox.redrive(slot => 'x')")
        connection.execute("INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype,"
                           " aggregateid, payload, headers) VALUES (%s, 'p', 'too large', %s, 't', 'k', '[1]',"
                           " '{\"tenant\": \"north\"}') ON CONFLICT (slot_name, position) DO NOTHING",
                           (scene.slot, first))
    with roles.connect(operator) as connection:
        assert connection.execute("SELECT dead_letters FROM outbox.status").fetchone() == (1,)
        assert connection.execute("SELECT payload FROM outbox.dead_letter").fetchone() == ([1],)
        refused(connection, "DELETE FROM outbox.dead_letter")
        assert connection.execute("SELECT outbox.redrive(slot => %s)", (scene.slot,)).fetchone() == (1,)


def test_a_redriven_event_is_flagged_in_the_topic(scene):
    """Same id, a position of its own, and the header with the first one."""
    scene.start_relay()
    before = scene.emit("t", "k")
    dead = "01890000-0000-7000-8000-000000000001"
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype, aggregateid, type,"
              " payload, headers, created_at) VALUES (%s, 'src/1.1/0/10/0', 'too large', %s, 't', 'k', 'T', '[ 1 ]',"
              " '{\"tenant\": \"north\"}', now() - interval '1 day')", (scene.slot, dead))
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,)) == [(1,)]
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,)) == [(0,)]
    after = scene.emit("t", "k")
    topic = scene.topic("t")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        records = reader.some(3)
    assert [r.id for r in records] == [before, dead, after]
    again = records[1]
    assert again.value == b"[ 1 ]" and again.key == b"k"
    assert again.header("outbox-replayed") == "src/1.1/0/10/0"
    assert again.header("tenant") == "north"
    assert records[0].position.order < again.position.order < records[2].position.order
    assert all(r.header("outbox-replayed") is None for r in (records[0], records[2]))


def test_nobody_but_the_owner_flags_an_event(scene, roles):
    emitter = roles.make("app", "outbox.emit(")
    with roles.connect(emitter) as writer:
        with pytest.raises(errors.ReservedName) as refusal:
            writer.execute("SELECT outbox.emit('t', 'k', 'T', '{}'::jsonb, '{\"outbox-replayed\": \"x\"}')")
        assert "outbox-replayed" in str(refusal.value)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), roles.connect(emitter) as writer:
        writer.execute("SELECT outbox.redrive(slot => 'x')")
