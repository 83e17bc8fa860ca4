"""What the daemons and the slot look like while time passes, and what became of it.

A sample a second (more rarely in a long run).  The time of the run is cut into sixths; of each there are lowest,
median and highest value.
"""
import statistics
import time

from harness.background import Background

SIXTHS = 6
MB = 1 << 20


class Watch(Background):
    def __init__(self, scene, daemons, every):
        super().__init__()
        self.scene, self.daemons, self.every = scene, daemons, every
        self.samples = []           # {"at": seconds, "<daemon>.rss_mb": …}
        self._began = time.monotonic()

    def run(self):
        with self.scene.source.connect(self.scene.database) as connection:
            while not self.ending.wait(self.every):
                self.samples.append(self._sample(connection))

    def _sample(self, connection):
        sample = {"at": time.monotonic() - self._began}
        for daemon in self.daemons:
            sample[f"{daemon.name}.rss_mb"] = daemon.memory() / MB
            sample[f"{daemon.name}.descriptors"] = daemon.descriptors()
            sample[f"{daemon.name}.threads"] = daemon.threads()
            sample[f"{daemon.name}.cpu_s"] = daemon.cpu_seconds()
        retained, unconfirmed = connection.execute(
            "SELECT pg_current_wal_lsn() - restart_lsn, pg_current_wal_lsn() - confirmed_flush_lsn"
            "  FROM pg_replication_slots WHERE slot_name = %s", (self.scene.slot,)).fetchone()
        sample["slot.retained_mb"] = float(retained) / MB
        sample["slot.unconfirmed_mb"] = float(unconfirmed) / MB
        return sample

    # -- what became of it ---------------------------------------------------

    def series(self):
        return [name for name in self.samples[0] if name != "at" and not name.endswith("cpu_s")]

    def sixths(self, name):
        """[{"min", "median", "max"}], one of each sixth of the time."""
        length = self.samples[-1]["at"] / SIXTHS
        parts = [[s[name] for s in self.samples if int(min(s["at"] / length, SIXTHS - 1)) == n]
                 for n in range(SIXTHS)]
        return [{"min": round(min(p), 2), "median": round(statistics.median(p), 2),
                 "max": round(max(p), 2)} for p in parts if p]

    def elapsed(self):
        return time.monotonic() - self._began

    def third(self, name, number, since=0.0, end=None):
        """The median of a third, from 0, of the time between these (all of it)."""
        end = self.samples[-1]["at"] if end is None else end
        length = (end - since) / 3
        return statistics.median(s[name] for s in self.samples
                                 if since <= s["at"] <= end and int(min((s["at"] - since) / length, 2)) == number)

    def peak(self, name):
        return max(s[name] for s in self.samples)

    def cpu_share(self, daemon):
        """Of one processor, in per cent."""
        first, last = self.samples[0], self.samples[-1]
        name = f"{daemon.name}.cpu_s"
        return 100 * (last[name] - first[name]) / (last["at"] - first["at"])
