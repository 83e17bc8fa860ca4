"""Free TCP ports, below those that the kernel gives to outgoing connections."""
import random
import socket

_random = random.SystemRandom()
_given = set()


def free_port():
    while True:
        port = _random.randrange(10000, 32000)
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
