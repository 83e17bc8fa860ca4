"""Daemons with failpoints (common/failpoint.h): which there are, and one of them armed.

They are another build, build/failpoints, which `make FAILPOINTS=1` makes.
"""
import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from . import paths
from .wait import until

BIN = os.path.join(os.path.dirname(paths.BIN), "failpoints", "bin")
ACTIONS = ("crash", "error", "pause")
# Of error and pause one of so many rounds takes each, another one each day; FAILPOINT_CASES=all takes them all.
ROUNDS = 3
# Cases at a time.
LANES = 4
# In the environment, so that all workers of a run take the same, also when it goes on past midnight.
TAKEN = os.environ.setdefault("FAILPOINT_CASES", str(int(time.time() // 86400) % ROUNDS))


def listed(program):
    """The names of all its failpoints, as it says itself."""
    path = os.path.join(BIN, program)
    assert os.path.exists(path), f"there is no {path}: make FAILPOINTS=1"
    return subprocess.run([path, "--list-failpoints"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def chosen(number, action):
    """Whether this run takes it: a crash always, the others in turns."""
    if TAKEN == "all" or action == "crash":
        return True
    return (number + ACTIONS.index(action)) % ROUNDS == int(TAKEN)


def arm(daemon, name, action, at=1, besides=()):
    """Before its start; besides: others that lead there, "name=action@N"."""
    daemon.directory = BIN
    daemon.variables["OUTBOX_FAILPOINTS"] = ",".join([*besides, f"{name}={action}@{at}"])


def has_fired(daemon, name):
    return f'{{"failpoint":"{name}",' in daemon.log()


def is_stopped(daemon):
    """By SIGSTOP."""
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2].startswith("T")


def wait_fired(daemon, name, action, meanwhile=lambda: None, timeout=30):
    """Until it did what it is to do; meanwhile() is called now and then, for what may be needed to get there."""
    def done():
        # First: it may come there, and end, while its log is read.
        running = daemon.running()
        if not has_fired(daemon, name):
            assert running, f"it ended before it came to {name}:\n{daemon.log()[-3000:]}"
            meanwhile()
            return has_fired(daemon, name)
        return {"crash": lambda: not daemon.running(), "pause": lambda: is_stopped(daemon),
                "error": lambda: True}[action]()
    until(done, f"{name} is reached", timeout)
    if action == "crash":
        assert daemon.wait_exit() == -9, daemon.log()


class Lanes:
    """Plays the cases of a module side by side: each waits for others more than it works.

    play(seed, **parameters of the test) gives (error or None, scene or None).
    """

    def __init__(self, request, play, seed):
        items = [item for item in request.session.items if item.module is request.module and hasattr(item, "callspec")]
        self._pool = ThreadPoolExecutor(LANES)
        self._plays = {item.nodeid: self._pool.submit(play, seed, **item.callspec.params) for item in items}

    def result(self, node):
        """Of the test: raises what went wrong in its play; what it prints is shown then."""
        print(f"FAILPOINT_CASES={TAKEN}")
        error, scene = self._plays[node.nodeid].result()
        node.scenes = [scene] if scene is not None else []
        if error is not None:
            raise error

    def finish(self):
        self._pool.shutdown(cancel_futures=True)


def hit(seed, name, action, most):
    """Which pass it is to be, of so many that are sure to come; the same for the same seed."""
    return random.Random(f"{seed}/{name}/{action}").randint(1, most)
