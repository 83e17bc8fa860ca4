"""Carries a schedule out: every fault in a thread of its own, so that a server that takes its time to start delays no other.

A fault whose subject is still held by an earlier one waits for it.  What goes wrong in carrying a fault out ends the run.
"""
import threading
import time
from collections import defaultdict

from harness.background import Background
from harness.wait import until

LATE = 180          # seconds that the last fault may take to be undone after its time


class Chaos:
    def __init__(self, schedule, kinds, subjects, say=lambda text: None):
        """subjects: {name: what the kinds know}."""
        locks = defaultdict(threading.Lock)
        named = {kind.name: kind for kind in kinds}
        self.done = []          # (seconds from the beginning, what), as it happened
        self.say = say
        self._began = None
        self._faults = [Carried(self, fault, named[fault.kind], subjects[fault.subject], locks[fault.subject])
                        for fault in schedule]

    def go(self, seconds, alive):
        """All of it; alive() is called meanwhile and raises what can't go on."""
        self._began = time.monotonic()
        for fault in self._faults:
            fault.start()
        try:
            def over():
                alive()
                for fault in self._faults:
                    fault.check()
                return self.elapsed() >= seconds and all(f.undone for f in self._faults)
            until(over, lambda: f"undone: {[str(f.fault) for f in self._faults if not f.undone]}",
                  seconds + LATE, every=0.2)
        finally:
            for fault in self._faults:
                fault.stop()

    def elapsed(self):
        return time.monotonic() - self._began

    def undone(self, effective=False):
        """The faults that happened and are over; effective: and that were felt."""
        return [carried.fault for carried in self._faults if carried.undone and (carried.effective or not effective)]

    def note(self, text):
        self.done.append((round(self.elapsed(), 1), text))
        self.say(f"{self.elapsed():8.1f} s  {text}")


class Carried(Background):
    """One fault on its way."""

    def __init__(self, chaos, fault, kind, subject, lock):
        super().__init__()
        self.chaos, self.fault, self.kind, self.subject, self.lock = chaos, fault, kind, subject, lock
        self.undone = False
        self.effective = False

    def run(self):
        what = f"{self.fault.kind} {self.fault.way} {self.fault.subject}".replace("  ", " ")
        if self.ending.wait(self.fault.at):
            return
        with self.lock:
            self.chaos.note(what)
            self.kind.begin(self.subject, self.fault.way)
            if self.ending.wait(self.fault.lasts):
                return
            self.effective = self.kind.end(self.subject, self.fault.way) is not False
            self.chaos.note(f"{what}: undone" + ("" if self.effective else ", and nobody felt it"))
        self.undone = True
