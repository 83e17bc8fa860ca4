"""Daemons that are killed, frozen and restarted, and what each of their lives came to.

What a daemon counts dies with it: its counters are read every half second and summed over its lives.
"""
import signal
import threading
from http.client import HTTPException

from harness.background import Background


class Member:
    """One daemon over all its lives.  It is up, or somebody took it down on purpose."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.name = daemon.name
        self.clock = None       # clock.Clock, where it can be stepped
        self.lives = 0
        self.up = False
        self.frozen = False
        self.statuses = []      # of the lives that ended in order
        self.stops = []         # of those that ended by themselves, as it was expected
        self.counters = []      # of each life, as last seen: {series: value}
        self._tolerated = set()
        self._mended = True     # an operator starts it again
        self._stopped = False   # by itself
        self._life = threading.RLock()
        self._lock = threading.Lock()

    # -- what faults do -----------------------------------------------------

    def start(self):
        with self._life:
            self._stopped = False
            if self.daemon.running():
                return
            self.daemon.start(ready=False)
            self.lives += 1
            with self._lock:
                self.counters.append({})
            self.up = True

    def kill(self):
        with self._life:
            self.look()
            self.up = self._stopped = False
            self.daemon.kill()

    def leave(self):
        with self._life:
            self.check()
            self.look()
            self._stopped = False
            if self.up:
                self.up = False
                self.statuses.append(self.daemon.stop())

    def signal(self, number):
        self.frozen = number == signal.SIGSTOP
        self.daemon.signal(number)

    def tolerate(self, *statuses):
        """Something is wrong that only an operator can mend: it may end with these, and stays down."""
        self._mended = False
        self._tolerated.update(statuses)

    def mended(self):
        """Somebody has seen to it, and starts what ended because of it: also a moment later, when it hadn't ended yet."""
        self._mended = True

    # -- what it says -------------------------------------------------------

    def check(self):
        """It ends when it is told to, and at no other time but for a reason that is expected."""
        with self._life:
            if self.up and not self.daemon.running():
                status = self.daemon.wait_exit()
                if status not in self._tolerated:
                    raise AssertionError(f"{self.name} ended by itself, with {status}:\n{self.daemon.log()[-3000:]}")
                self.stops.append(status)
                self.up, self._stopped = False, True
            if self._stopped and self._mended:
                self.start()

    def look(self):
        if not self.up or self.frozen:
            return
        life = self.lives
        try:
            found = self.daemon.metrics(timeout=2)
        except (AssertionError, HTTPException):     # going, or not there yet
            return
        with self._lock:
            self.counters[life - 1] = found

    def total(self, prefix):
        """Of all series whose name begins so, over all lives."""
        with self._lock:
            return int(sum(value for life in self.counters for name, value in life.items()
                           if name.startswith(prefix)))

    def entries(self, message):
        """What its log says of that, over all lives."""
        return [entry for entry in self.daemon.entries(whole=True) if entry.get("msg") == message]


class Configured(Member):
    """A relay with a file of settings (harness.settings_file.File) that can be read again."""

    def __init__(self, file):
        super().__init__(file.relay)
        self.file = file

    def reload(self, text=None, **changes):
        """Its answer; None when it isn't there to give one, or ends before it has."""
        return self.file.reload(text, may_end=True, **changes) if self.daemon.running() else None


class Counters(Background):
    def __init__(self, members):
        super().__init__()
        self.members = members

    def run(self):
        while not self.ending.wait(0.5):
            for member in self.members:
                member.look()
