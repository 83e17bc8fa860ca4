"""Free TCP ports, below those that the kernel gives to outgoing connections and above those that scripts/kafka takes.

A port is free until somebody listens there, and a daemon may begin to only much later: test processes that run
side by side must not pick the same.  So each locks the byte of its port's number, in a file that all of a user's share,
for as long as it lives.
"""
import errno
import fcntl
import os
import random
import socket

FIRST, LAST = 16000, 31999

_random = random.SystemRandom()
_given = set()
# A process loses its locks of a file with the first descriptor of it that it closes: it opens one.
# Nor in TMPDIR, which may differ from run to run.
_shared = os.open(f"/tmp/outbox-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _reserved(port):
    """Whether it is ours from now on."""
    try:
        fcntl.lockf(_shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError as problem:
        if problem.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def free_port():
    while True:
        port = _random.randint(FIRST, LAST)
        if port in _given or not _reserved(port):
            continue
        _given.add(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
