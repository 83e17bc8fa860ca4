"""Slow, halved, endless and many clients at the HTTP ports: who asks in earnest is answered, and the work goes on."""
import re

from harness.attack import Attack, answer_to, seconds_for
from harness.wait import until

MB = 1024 * 1024
OTHER_SITE = "Host: evil.example:80\r\nOrigin: http://evil.example:80\r\n"


def status_of(answer):
    return int(answer.split(None, 2)[1]) if answer else 0


def check_answers(port):
    """Beside the attack, at once, and as they should be."""
    request = "{} {} HTTP/1.1\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n"
    here = f"Host: 127.0.0.1:{port}\r\n"
    for method, path, headers, expected in (
            ("GET", "/healthz", here, 200), ("HEAD", "/metrics", here, 200), ("GET", "/nowhere", here, 404), ("TRACE", "/healthz", here, 405),
            ("POST", "/healthz", here, 405), ("GET", "/status", OTHER_SITE, 403), ("GET", "/metrics", "Host: 127.0.0.1.evil.example\r\n", 403),
            ("POST", "/healthz", OTHER_SITE, 403), ("POST", "/healthz", here + "Origin: https://evil.example\r\n", 403)):
        answer = answer_to(port, request.format(method, path, headers).encode())
        assert status_of(answer) == expected, (method, path, headers, answer[:200])
        assert b"evil" not in answer


def descriptors(daemon):
    found = re.search(r"^process_open_fds (\S+)$", daemon.http("/metrics")[1], re.MULTILINE)
    return float(found.group(1)) if found else None


def test_relay_and_consumer(scene, seed):
    """Events go from the source to the target while both ports are under attack."""
    relay, ledger = scene.start_published()
    scene.apply_all("t")
    consumer = scene.consumer().start()
    daemons = (relay, consumer)
    until(lambda: len(scene.applied()) == 1, "the first is applied")
    for daemon in daemons:
        for _ in range(20):
            daemon.http("/metrics")
    before = {daemon: daemon.memory("VmRSS") for daemon in daemons}
    attacks = [Attack(daemon.http_port, seed).start() for daemon in daemons]
    slowest = 0
    try:
        for number in range(20):
            for _ in range(10):
                scene.emit("t", f"key-{number}")
            for daemon in daemons:
                slowest = max(slowest, seconds_for(lambda daemon=daemon: check_answers(daemon.http_port)))
                until(lambda daemon=daemon: daemon.http("/readyz")[0] == 200, "it is ready")
                # So many connections, and what is its own.
                assert until(lambda daemon=daemon: descriptors(daemon), "it says what it has open") < 96 + 60
        for attack in attacks:
            attack.check()
        until(lambda: len(scene.applied()) == 201, "all are applied")
    finally:
        for attack in attacks:
            attack.stop()
    ledger.check_target(ledger.wait_in_topics())
    assert all(attack.cut > 100 and attack.sent > 1000 for attack in attacks), [(attack.cut, attack.sent) for attack in attacks]
    # Nine questions, one after the other: behind one of the slow each would wait for HTTP_CLIENT_SECONDS.
    assert slowest < 30
    for daemon in daemons:
        until(lambda daemon=daemon: daemon.metric("process_open_fds") < 40, "it has let go of them all")
        assert daemon.memory("VmRSS") - before[daemon] < 20 * MB
        assert not daemon.problems() and daemon.stop() == 0
