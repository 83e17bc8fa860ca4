"""Clients of an HTTP port as nobody wants them: slow, halved, endless, too many; in the background until they are stopped."""
import random
import select
import socket
import time

from .background import Background
from .wait import until

HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
ENDLESS = [
    HEAD + b"X-Large: " + b"x" * 300000,
    b"GET /" + b"x" * 300000,
    b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 300000,
    b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"2710\r\n" + b"x" * 10000 + b"\r\n" * 20,
    b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    (HEAD + b"\r\n") * 200,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100000, b"DELETE / HTTP/1.1\r\n\r\n" * 100,
]


class Attack(Background):
    """slow: so many at a time send a byte now and then, and come back when they are cut off; beside them those of ENDLESS."""

    def __init__(self, port, seed=1, slow=150):
        super().__init__()
        self.port, self.slow = port, slow
        self.random = random.Random(seed)
        self.clients = []
        self.cut = self.sent = 0

    def _come(self, text):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self.clients.append([client, text, 0])

    def _go(self, entry):
        entry[0].close()
        self.clients.remove(entry)
        self.cut += 1

    def run(self):
        while not self.ending.wait(0.02):
            while len(self.clients) < self.slow:
                slow = self.random.random() < 0.9
                self._come((HEAD + b"X-Slow: " + b"x" * 10000 if self.random.random() < 0.7 else b"GET") if slow
                           else self.random.choice(ENDLESS))
            writable = set(select.select([], [entry[0] for entry in self.clients], [], 0)[1])
            for entry in [one for one in self.clients if one[0] in writable]:
                self._push(entry)
        for client, _, _ in self.clients:
            client.close()

    def _push(self, entry):
        client, text, at = entry
        # What is slow goes byte by byte; and who has said all waits for what comes.
        piece = text[at:at + (1 if b"X-Slow" in text and at >= len(HEAD) else 1 << 16)]
        try:
            if piece:
                entry[2] += client.send(piece)
                self.sent += 1
            elif client.recv(1 << 20) == b"":
                self._go(entry)
        except BlockingIOError:
            pass
        except OSError:
            self._go(entry)


def talk(port, request, timeout=30):
    """All that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(1 << 16):
            answer += piece
    return answer


def answer_to(port, request):
    """Who has waited for longest when others come is pushed out, on a busy machine before his turn, and asks again."""
    answers = []

    def asked():
        try:
            answers.append(talk(port, request))
        except OSError:
            return False
        return answers[-1] != b""
    until(asked, "there is an answer", 30)
    return answers[-1]


def seconds_for(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began
