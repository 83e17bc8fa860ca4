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
        self.lives = 0
        self.up = False
        self.frozen = False
        self.statuses = []      # of the lives that ended in order
        self.tolerated = ()     # statuses with which it may end by itself, for now
        self.stops = []         # those with which it did
        self.counters = []      # of each life, as last seen: {series: value}
        self._lock = threading.Lock()

    # -- what faults do -----------------------------------------------------

    def start(self):
        self.daemon.start(ready=False)
        self.lives += 1
        with self._lock:
            self.counters.append({})
        self.up = True

    def kill(self):
        self.look()
        self.up = False
        self.daemon.kill()

    def leave(self):
        self.look()
        self.up = False
        self.statuses.append(self.daemon.stop())

    def signal(self, number):
        self.frozen = number == signal.SIGSTOP
        self.daemon.signal(number)

    def operator(self):
        """Somebody has mended what stopped it, if that did, and starts it again."""
        self.check()
        self.tolerated = ()
        if not self.up:
            self.start()

    # -- what it says -------------------------------------------------------

    def check(self):
        """It ends when it is told to, and at no other time but for a reason that is expected."""
        if not self.up or self.daemon.running() or not self.up:
            return
        status = self.daemon.wait_exit()
        if status not in self.tolerated:
            raise AssertionError(f"{self.name} ended by itself, with {status}:\n{self.daemon.log()[-3000:]}")
        self.up = False
        self.stops.append(status)

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
        """Its answer; None when it isn't there to give one."""
        return self.file.reload(text, **changes) if self.daemon.running() else None


class Counters(Background):
    def __init__(self, members):
        super().__init__()
        self.members = members

    def run(self):
        while not self.ending.wait(0.5):
            for member in self.members:
                member.look()
