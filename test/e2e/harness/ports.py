"""Free TCP ports, below those that the kernel gives to outgoing connections.

A port is free until somebody listens there, and a daemon may begin to only much later: test processes that run
side by side must not pick the same, so each has its own.
"""
import os
import random
import socket

PROCESSES = 16
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[len("gw"):]) % PROCESSES
_random = random.SystemRandom()
_given = set()


def free_port():
    while True:
        port = _random.randrange(10000 + _process, 32000, PROCESSES)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
