"""Several hosts in the connection string, of which one is down, silent, read-only, or another server."""
import socket

import pytest

from harness.ports import free_port
from harness.proxy import Proxy
from harness.wait import until

QUICK = {"mark.interval": "200ms", "reconnect.min": "10ms", "reconnect.max": "200ms"}


def hosts(scene, *ports, connect_timeout=30, **words):
    """All of them on 127.0.0.1; who is there answers in that time, on a slow machine as well."""
    listed = dict(host=",".join("127.0.0.1" for _ in ports), port=",".join(map(str, ports)),
                  dbname=scene.database, user="postgres", connect_timeout=connect_timeout, **words)
    return " ".join(f"{key}={value}" for key, value in listed.items())


@pytest.fixture
def silent():
    """A port that takes connections, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(100)
        yield listener.getsockname()[1]


@pytest.fixture
def full():
    """A port that swallows packets: its queue of connections is full, so no handshake is answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(0)
        waiting = []
        for _ in range(8):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def test_a_host_that_is_down(scene):
    conninfo = hosts(scene, free_port(), scene.source.port)
    relay = scene.start_relay(**QUICK, **{"postgres.conninfo": conninfo})
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.check_topics(ledger.wait_in_topics())
    assert not relay.problems()


@pytest.mark.parametrize("kind", ["silent", "full"])
def test_a_host_that_does_not_answer(request, scene, kind):
    """Each of the relay's connections goes on to the next host; so do its other commands."""
    dead = request.getfixturevalue(kind)
    conninfo = hosts(scene, dead, scene.source.port, connect_timeout=3)
    relay = scene.start_relay(**QUICK, **{"postgres.conninfo": conninfo})
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.check_topics(ledger.wait_in_topics())
    assert not relay.problems()
    # Alone it is tried again and again, and the log says why.
    lonely = scene.relay("lonely", **QUICK, **{"postgres.conninfo": hosts(scene, dead, connect_timeout=3)})
    lonely.start(ready=False)
    lonely.wait_log("no answer from .{0,3}127.0.0.1.{0,3}, port " + str(dead) + ", in 3 seconds")
    assert lonely.running() and not lonely.problems()


def test_all_of_them_are_named_when_none_will_do(scene, exits):
    one, two = free_port(), free_port()
    relay = scene.relay(**QUICK, **{"postgres.conninfo": hosts(scene, one, two)})
    relay.start(ready=False)
    relay.wait_log(f"{one}.*{two}")
    assert relay.running() and not relay.problems()
    # One that will never do, and one that may: it is tried again.
    other = scene.relay("other", **QUICK, **{"postgres.conninfo": hosts(
        scene, scene.source.port, two).replace(scene.database, "nosuch")})
    other.start(ready=False)
    other.wait_log(f"nosuch.*{two}")
    assert other.running() and not other.problems()
    # Neither will.
    last = scene.relay("last", **QUICK, **{"postgres.conninfo": hosts(
        scene, scene.source.port, scene.source.port).replace(scene.database, "nosuch")})
    last.start(ready=False)
    assert last.wait_exit() == exits["EXIT_CONFIG"], last.log()


def test_lists_that_do_not_fit(scene, exits):
    conninfo = hosts(scene, 1, 2).replace("port=1,2", "port=1,2,3")
    relay = scene.relay(**{"postgres.conninfo": conninfo}).start(ready=False)
    assert relay.wait_exit() == exits["EXIT_CONFIG"], relay.log()
    assert "same length" in relay.log()


def test_a_standby_comes_first_in_the_list(make_scene, own, broker):
    source = own.cluster("source")
    scene = make_scene(source, None, broker)
    scene.initialize()
    standby = own.standby(source)
    ledger = scene.ledger()
    relay = scene.relay(**QUICK, **{"postgres.conninfo": hosts(
        scene, standby.port, source.port, target_session_attrs="read-write")}).start()
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    assert not relay.problems()
    # Without that word libpq is content with the standby.  The relay isn't, and waits.
    waits = scene.relay("waits", **QUICK, **{"postgres.conninfo": hosts(
        scene, standby.port, source.port)}).start(ready=False)
    waits.wait_log("the server is in recovery.*target_session_attrs=read-write")
    assert waits.running() and not waits.problems()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_farewell_of_a_server_that_came_second(make_scene, own_source, broker, mode):
    """It is told as that of any other, and what libpq would print isn't there."""
    scene = make_scene(own_source, None, broker)
    relay = scene.start_relay(**QUICK, **{"postgres.conninfo": hosts(scene, free_port(), own_source.port)})
    ledger = scene.ledger()
    own_source.stop(mode)
    # Where it is heard depends on what is under way.
    relay.wait_log("could not (keep the connection to PostgreSQL|read the replication stream|run a statement)")
    own_source.start()
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    assert not relay.problems(), relay.problems()


def test_two_connections_that_lead_to_two_servers(make_scene, own, broker):
    """A name or a proxy that leads elsewhere between one connection and the next."""
    source = own.cluster("source")
    scene = make_scene(source, None, broker)
    scene.initialize()
    ledger = scene.ledger()
    standby = own.standby(source)
    fork = Proxy(source.port, standby.port)
    try:
        relay = scene.relay(**QUICK, **{"postgres.conninfo": hosts(scene, fork.port)})
        relay.start(ready=False)
        relay.wait_log("the two connections lead to different servers")
        until(lambda: fork.count >= 6, "it tries again")
        assert relay.running() and not relay.problems()
        assert not relay.is_ready()
        fork.ports = [source.port]
        relay.wait_ready()
        event = scene.emit("t", "k")
        assert [r.id for r in ledger.wait_in_topics()] == [event]
    finally:
        fork.close()
