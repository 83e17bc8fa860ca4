"""The live page of "outbox-compare serve", in a browser, with real servers behind it: a button crashes the
target, the breaker opens and the lag grows; another brings it back, all drains, and the ledger closes.
"""
import http.client
import os
import re
import signal
import socket
import time

import pytest

from harness.attack import Attack, answer_to, seconds_for
from harness.comparison import Comparison
from harness.wait import until

PARTS = ["app", "source", "relay", "broker", "consumer", "target"]


@pytest.fixture(scope="module")
def browser(base):
    from harness.browser import Browser
    opened = Browser(os.path.join(base, "chromium-live"))
    yield opened
    opened.close()


@pytest.fixture
def served(base, reap):
    run = Comparison(base, "compare-live", reap, "--live=127.0.0.1:0", "--rate=20", "--breaker.reset=2s",
                     command="serve")
    yield run
    if run.process.poll() is None:
        run.process.terminate()
        run.process.wait(60)


class Page:
    """What the page shows."""

    def __init__(self, browser):
        self.run = browser.run

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def number(self, selector):
        digits = self.text(selector).replace(",", "")
        return float(re.match(r"[\d.]+", digits).group()) if digits[:1].isdigit() else None

    def state(self, part):
        return self.text(f".part[data-part={part}] .state")

    def ledger(self, path):
        """offered, accepted, rejected, unknown, in_target, behind, p99, verdict"""
        cells = self.run("""const row = document.querySelector(`#ledger tr[data-path="${arguments[0]}"]`);
            return row === null ? null : [...row.cells].slice(1).map(cell => cell.textContent)""", path)
        names = ("offered", "accepted", "rejected", "unknown", "in_target", "behind", "p99", "verdict")
        return None if cells is None else dict(zip(names, cells))

    def count(self, path, column):
        """None while it can't be seen."""
        row = self.ledger(path)
        return int(row[column].replace(",", "")) if row is not None and row[column] != "–" else None

    def press(self, part, order):
        """As soon as the button is that one, and not waiting for what was ordered before."""
        def ready():
            return self.run("""const button = document.querySelector(`.part[data-part=${arguments[0]}] button`);
                if (button.disabled || button.textContent !== arguments[1]) return false;
                button.click(); return true""", part, f"{order} {part}")
        until(ready, f"a button \"{order} {part}\"", 30)


def ask(url, method, path, **headers):
    """Status and text. A Host of one's own is possible."""
    address = url.split("/")[2]
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def check_refusals(url):
    """Orders are taken from the page itself alone, and only there is the token."""
    page = ask(url, "GET", "/")[1]
    token = re.search(r'name="token" content="([0-9a-f]{32})"', page).group(1)
    key = {"X-Outbox-Token": token}
    assert ask(url, "POST", "/crash/relay")[0] == 403
    assert ask(url, "POST", "/crash/relay", **{"X-Outbox-Token": "0" * 32})[0] == 403
    assert ask(url, "POST", "/crash/relay", Origin="http://elsewhere.example", **key)[0] == 403
    assert ask(url, "POST", "/crash/relay", Origin="null", **key)[0] == 403
    assert ask(url, "POST", "/crash/relay", Host="elsewhere.example", **key)[0] == 403
    assert ask(url, "GET", "/crash/relay", **key)[0] == 404
    assert ask(url, "POST", "/crash/everything", **key)[0] == 404
    assert ask(url, "DELETE", "/crash/relay", **key)[0] == 405
    # A name that somebody made lead here doesn't get the token either.
    assert 'content=""' in ask(url, "GET", "/", Host="elsewhere.example")[1]


@pytest.mark.slow
def test_by_hand_before_the_plan(base, reap):
    """What the scenario would break is broken already: it waits, and when its time passes the run hasn't passed."""
    path = os.path.join(base, "by-hand.scenario")
    with open(path, "w", encoding="utf-8") as file:
        file.write("title = By hand\nduration = 20s\nat 15s pause target until 16s\nat 16s crash target until 17s\n"
                   "at 16s latency target 5ms until 17s\nexpect direct lost = 0\n")
    run = Comparison(base, "compare-by-hand", reap, path, "--live=127.0.0.1:0", "--paths=direct")
    run.wait_log("s calm ", 180)
    url = re.search(r"live +(http://127\.0\.0\.1:\d+/)", run.log()).group(1)
    token = re.search(r'name="token" content="([0-9a-f]{32})"', ask(url, "GET", "/")[1]).group(1)
    assert ask(url, "POST", "/crash/target", **{"X-Outbox-Token": token})[0] == 202
    run.finish(30)
    (played,) = run.report()["scenarios"][0]["runs"]
    paused, crashed, slow, by_hand = played["faults"]
    assert paused["from_s"] is None and crashed["from_s"] is None and slow["from_s"] >= 16
    assert by_hand["text"] == "crash target, by hand" and by_hand["from_s"] < 15 and by_hand["until_s"] > 20
    assert all(expected["held"] for expected in played["expectations"]) and not played["passed"]
    assert "NEVER CAME  crash target" in run.log()


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def asked(url, answers, method="GET", path="/", **headers):
    """Who is pushed out before his turn asks again, as a browser does."""
    try:
        answers.append(ask(url, method, path, Connection="close", **headers))
    except (OSError, http.client.HTTPException):
        return False
    return True


def deaf_reader(port):
    """Asks for the events, and never reads one."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def events(port):
    """What comes at once; who is pushed out before his turn comes again, as a browser does."""
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as reader:
            reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until_when = time.monotonic() + 2
            while time.monotonic() < until_when and (piece := reader.recv(1 << 16)):
                said += piece
    except OSError:
        pass
    return said


@pytest.mark.slow
def test_clients_that_want_no_answer(base, reap, seed):
    """Beside them the page is there, its events come, an order is done, and the run is whole."""
    run = Comparison(base, "compare-attacked", reap, "--live=127.0.0.1:0", "--rate=20", "--paths=outbox", command="serve")
    run.wait_log("live      http://")
    url = re.search(r"live +(http://127\.0\.0\.1:\d+/)", run.log()).group(1)
    port = int(url.rstrip("/").rsplit(":", 1)[1])
    run.wait_log("s calm ", 180)
    before = memory_kb(run.process.pid)
    deaf = [deaf_reader(port) for _ in range(100)]
    attack = Attack(port, seed, slow=100).start()
    slowest = 0
    try:
        for number in range(15):
            answers = []
            slowest = max(slowest, seconds_for(lambda answers=answers: until(lambda: asked(url, answers), "the page is there", 60)))
            assert answers[0][0] == 200
            for headers in ("Host: evil.example\r\nOrigin: http://evil.example\r\n", f"Host: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\n"):
                answer = answer_to(port, f"POST /crash/relay HTTP/1.1\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
                assert answer.startswith(b"HTTP/1.1 403 "), answer
            if number == 5:
                token = re.search(r'name="token" content="([0-9a-f]{32})"', answers[0][1]).group(1)
                until(lambda: asked(url, answers, "POST", "/crash/relay", **{"X-Outbox-Token": token}), "the order is taken", 30)
                assert answers[-1][0] == 202
                until(lambda: b'"faults":["crash relay, by hand"]' in events(port), "the relay is down", 30)
            if number == 10:
                until(lambda: asked(url, answers, "POST", "/restore/relay", **{"X-Outbox-Token": token}), "the order is taken", 30)
                assert answers[-1][0] == 202
            until(lambda: events(port).count(b"\ndata: ") > number, "what was comes at once", 30)
        attack.check()
    finally:
        attack.stop()
        for client in deaf:
            client.close()
    assert slowest < 30 and attack.cut > 100, (slowest, attack.cut)
    assert memory_kb(run.process.pid) - before < 60 * 1024
    run.process.send_signal(signal.SIGINT)
    run.finish(0)
    (scenario,) = run.report()["scenarios"]
    assert [fault["text"] for fault in scenario["runs"][0]["faults"]] == ["crash relay, by hand"]
    assert scenario["runs"][0]["passed"]


def check_looks(browser):
    for width, scheme in ((1400, "light"), (390, "light"), (390, "dark"), (1400, "dark")):
        browser.size(width, 1200)
        browser.media("screen", scheme)
        assert browser.overflow() <= 0, width
    browser.media()
    assert browser.run("""return [...document.querySelectorAll('.part h2, .part dd, .part dt, button, figcaption')]
        .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText)""") == []


@pytest.mark.slow
def test_buttons(served, browser):
    served.wait_log("live      http://")
    url = re.search(r"live +(http://127\.0\.0\.1:\d+/)", served.log()).group(1)
    page = Page(browser)
    browser.size(1400, 1200)
    browser.open(url)
    until(lambda: page.text("#phase") == "calm" and [page.state(part) for part in PARTS] == ["up"] * 6,
          lambda: f"all parts are up: {served.log()}", 180)
    until(lambda: (page.count("outbox", "in_target") or 0) > 20, "rows arrive", 60)
    assert page.text("h1") == "Live: broken and mended by hand"
    check_refusals(url)
    assert [page.state(part) for part in PARTS] == ["up"] * 6
    check_looks(browser)

    page.press("target", "Crash")
    until(lambda: page.state("target") == "down", "the target is down", 60)
    until(lambda: page.text("#breaker") == "open", "the breaker is open", 60)
    first = until(lambda: page.number("#lag"), "the lag can be seen", 60)
    until(lambda: (page.number("#lag") or 0) > first + 20, "the lag grows", 60)
    assert page.text("#faults") == "crash target, by hand"
    until(lambda: page.count("direct", "rejected") > 20, "direct refuses", 60)
    accepted = page.count("outbox", "accepted")
    until(lambda: page.count("outbox", "accepted") > accepted, "the outbox goes on", 60)

    page.press("target", "Restore")
    until(lambda: page.state("target") == "up", "the target is up", 60)
    until(lambda: page.text("#breaker") == "closed", "the breaker is closed", 60)
    # What was sent a moment ago is always on its way.
    until(lambda: (page.count("outbox", "behind") or 99) < 10 or page.ledger("outbox")["behind"] == "0",
          lambda: f"it has drained: {page.ledger('outbox')}", 60)
    assert page.run("return document.querySelectorAll('#charts .fault').length") >= 1
    assert {"open", "closed"} <= set(page.run("""return [...document.querySelectorAll('[data-chart=breaker] rect')]
        .map(rect => rect.getAttribute('class'))"""))
    # Where nothing came for too long, on a machine that is slow to start servers, the reader is cut off, and comes again.
    cut_off = "/events - Failed to load resource: net::ERR_INCOMPLETE_CHUNKED_ENCODING"
    assert [said for said in browser.console() if not said.endswith(cut_off)] == []
    assert [asked for asked in browser.requests() if not asked.startswith((url, "data:"))] == []

    served.process.send_signal(signal.SIGINT)
    until(lambda: page.ledger("outbox")["verdict"] == "closed: nothing lost",
          lambda: f"the ledger closes: {page.ledger('outbox')}", 60)
    assert page.count("outbox", "accepted") == page.count("outbox", "in_target") == page.count("outbox", "offered")
    shown = {path: page.ledger(path) for path in ("direct", "outbox", "outbox-wal", "kafka-first")}
    served.finish(0)
    until(lambda: "has ended" in page.text("#notice"), "the page says so", 60)

    report = served.report()
    (scenario,) = report["scenarios"]
    (run,) = scenario["runs"]
    assert [fault["text"] for fault in run["faults"]] == ["crash target, by hand"]
    assert run["passed"] and not report["interrupted"] and scenario["duration_s"] < 3000
    assert run["paths"]["outbox"]["lost"] == run["paths"]["outbox"]["duplicates"] == 0
    for path, row in shown.items():
        for column in ("offered", "accepted", "rejected", "unknown", "in_target"):
            assert row[column].replace(",", "") == str(run["paths"][path][column]), (path, column)
    for ending in ("html", "csv", "md"):
        assert os.path.getsize(served.report_path.replace(".json", "." + ending)) > 200
    with open(served.report_path.replace(".json", ".html"), encoding="utf-8") as file:
        assert "crash target, by hand" in file.read()
