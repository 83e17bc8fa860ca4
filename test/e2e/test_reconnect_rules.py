"""What a relay does when the server no longer takes it: it stops where somebody has to act, else it tries again."""
import os

import psycopg
import pytest

from harness.wait import until

QUICK = {"mark.interval": "100ms", "reconnect.min": "10ms", "reconnect.max": "200ms"}


@pytest.fixture
def guarded(make_scene, own, broker):
    """A relay that has to give a password, and a server of its own."""
    server = own.cluster("source", {"max_connections": "20", "superuser_reserved_connections": "1",
                                    "max_wal_senders": "3"})
    scene = make_scene(server, None, broker)
    scene.sql("CREATE ROLE locked LOGIN REPLICATION SUPERUSER PASSWORD 'right'")
    scene.initialize()
    scene.options = dict(QUICK, **{"postgres.conninfo": server.conninfo(
        scene.database, "locked", tcp=True, password="right")})
    return scene


def cut_off(scene):
    """Both connections of the relay end, as in a network that was away."""
    scene.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
              " WHERE application_name LIKE 'outbox-relay%%' AND usename = 'locked'")


def let_in(scene):
    """As an ordinary role it may do all that it does; given first, for its marks come ten times a second."""
    scene.sql("GRANT USAGE ON SCHEMA outbox TO locked")
    scene.sql("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA outbox TO locked")
    scene.sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO locked")


def password_changed(scene):
    scene.sql("ALTER ROLE locked PASSWORD 'other'")


def password_expired(scene):
    scene.sql("ALTER ROLE locked VALID UNTIL '2000-01-01'")


def no_login(scene):
    scene.sql("ALTER ROLE locked NOLOGIN")


def no_replication(scene):
    let_in(scene)
    scene.sql("ALTER ROLE locked NOSUPERUSER NOREPLICATION")


def pg_hba(scene):
    path = os.path.join(scene.source.data, "pg_hba.conf")
    with open(path, encoding="utf-8") as file:
        rest = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write("host all locked 127.0.0.1/32 reject\n" + rest)
    scene.sql("SELECT pg_reload_conf()")
    until(lambda: scene.sql("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'reject'")[0][0] == 1,
          "the rule is there")


def refused(scene, sqlstate):
    """A client of that role is told so by now."""
    def told():
        try:
            psycopg.connect(scene.options["postgres.conninfo"] + " replication=database").close()
        except psycopg.OperationalError as error:
            return error
        return None
    error = until(told, "the role is refused")
    assert sqlstate is None or sqlstate in str(error), error


@pytest.mark.parametrize("change", [password_changed, password_expired, no_login, no_replication, pg_hba],
                         ids=lambda change: change.__name__)
def test_somebody_has_to_act(guarded, exits, change):
    """While its connections live nothing happens; the next one is refused, and the relay stops with 13."""
    scene = guarded
    ledger = scene.ledger()
    relay = scene.relay(**scene.options).start()
    change(scene)
    refused(scene, None)
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    assert relay.running() and not relay.problems()
    cut_off(scene)
    assert relay.wait_exit() == exits["EXIT_PERMISSION"], relay.log()
    problem, = relay.problems()
    assert problem["sqlstate"][:2] == "28" or problem["sqlstate"] == "42501", problem
    assert "right" not in relay.log()


def test_no_connection_is_free(guarded):
    """It waits for one, with delays, and goes on."""
    scene = guarded
    ledger = scene.ledger()
    relay = scene.relay(**scene.options).start()
    # A limit of the role counts for ordinary roles alone.
    let_in(scene)
    scene.sql("ALTER ROLE locked NOSUPERUSER CONNECTION LIMIT 0")
    cut_off(scene)
    relay.wait_log("too many connections")
    event = scene.emit("t", "k")
    # The log says it once a minute.
    before = relay.metric('outbox_relay_errors_total{class="transient"}')
    until(lambda: relay.metric('outbox_relay_errors_total{class="transient"}') >= before + 2, "it tries again")
    assert relay.running() and not relay.problems()
    scene.sql("ALTER ROLE locked CONNECTION LIMIT -1")
    relay.wait_ready()
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    assert not relay.problems()


def test_a_server_that_is_starting_up(guarded):
    """Its crash recovery takes as long as it takes; 57P03 is waited for."""
    scene = guarded
    ledger = scene.ledger()
    relay = scene.relay(**scene.options).start()
    # As a standby without a primary it has no hot standby, and stays in that state until told.
    scene.source.stop("fast")
    signal_file = os.path.join(scene.source.data, "standby.signal")
    with open(signal_file, "w", encoding="ascii"):
        pass
    scene.source.configure(hot_standby="off")
    scene.source.start(wait=False)
    relay.wait_log("(?i)starting up|not accepting connections|57P03")
    assert relay.running() and not relay.problems()
    scene.source.kill()
    os.remove(signal_file)
    scene.source.start()
    relay.wait_ready()
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    assert not relay.problems()
