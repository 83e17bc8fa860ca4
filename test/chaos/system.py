"""What every system under faults has: members, a load, a schedule that is carried out, and rest after it."""
from collections import Counter

from chaos import Chaos
from harness.wait import until
from members import Counters

PATIENCE = 180          # seconds for what is left when the load is over


class System:
    """One run.  Who derives from it says what the load is, and what it comes to."""

    def __init__(self, stage, schedule, seconds, kinds, members, guests, subjects, say):
        """guests: names of members that are there now and then; subjects: what else faults hit, by name."""
        self.scene, self.schedule, self.seconds, self.say = stage, schedule, seconds, say
        self.members = {member.name: member for member in members}
        self.residents = [member for member in members if member.name not in guests]
        self.chaos = Chaos(schedule, kinds, {**self.members, **subjects}, say)
        self.totals = {}
        self._counters = Counters(self.members.values())

    # -- what a system is -------------------------------------------------------

    def begin_load(self):
        raise NotImplementedError

    def load_alive(self):
        """Raises what ended the load before its time."""
        raise NotImplementedError

    def end_load(self):
        """Everything is up."""
        raise NotImplementedError

    def give_up(self):
        """No more of it, and nobody cares what became of the last of it."""
        raise NotImplementedError

    def all_there(self):
        """Whether what was written has arrived."""
        raise NotImplementedError

    def sum_up(self, load_s, drain_s):
        """When no member is left."""
        raise NotImplementedError

    def finish(self):
        """Ends what it has made beside the stage, whatever came of the run."""

    # -- the run ------------------------------------------------------------------

    def go(self):
        """Load and faults, then rest; self.totals says what came of it."""
        for member in self.residents:
            member.start()
        for member in self.residents:
            member.daemon.wait_ready()
        self._counters.start()
        try:
            self.begin_load()
            self.chaos.go(self.seconds, self.alive)
            load_s = self.chaos.elapsed()
            self.end_load()
            drain_s = self._rest()
        finally:
            self.give_up()
            self._counters.stop()
        self._counters.check()
        for member in self.residents:
            member.leave()
        self.sum_up(load_s, drain_s)

    def alive(self):
        self.load_alive()
        self._counters.check()
        for member in self.members.values():
            member.check()

    def _rest(self):
        """Seconds until all was there, nobody lagged and everybody was ready; None when that never came."""
        began = self.chaos.elapsed()

        def at_rest():
            self.alive()
            return all(m.daemon.is_ready() for m in self.residents) and self.all_there() \
                and sum(value for m in self.residents for series, value in m.daemon.metrics().items()
                        if series.startswith(("outbox_consumer_lag_records", "outbox_relay_in_flight_events"))) == 0
        try:
            until(at_rest, "quiescence", PATIENCE, every=0.2)
        except AssertionError as error:
            if "quiescence" not in str(error):
                raise
            return None
        return round(self.chaos.elapsed() - began, 1)

    # -- what came of it --------------------------------------------------------------

    def total(self, metric):
        """Over all members and all of their lives."""
        return sum(member.total("outbox_" + metric) for member in self.members.values())

    def undone(self, what=lambda fault: fault.kind):
        """How many faults happened and are over, of each kind."""
        return Counter(what(fault) for fault in self.chaos.undone())

    def effective(self, what=lambda fault: fault.kind):
        """The same of those that did something to what they hit; 0 of those that never did."""
        found = Counter({what(fault): 0 for fault in self.schedule})
        found.update(what(fault) for fault in self.chaos.undone(effective=True))
        return found

    def judge_end(self, report, expected=lambda member, problem: False):
        """expected: says which errors in the logs are."""
        members = list(self.members.values())
        undone = self.undone()
        report.verdict(f"all {len(self.schedule)} faults happened ({dict(undone)})", sum(undone.values()) == len(self.schedule))
        felt = self.effective()
        if len(felt) == 1:      # of two one may keep the other from being felt
            report.verdict(f"faults of the only kind were felt ({dict(felt)})", all(felt.values()))
        report.verdict(f"it came to rest ({self.totals['drain_s']} s after the load)", self.totals["drain_s"] is not None)
        statuses = sorted({status for m in members for status in m.statuses})
        report.verdict(f"who is told to end ends with 0 ({statuses})", statuses == [0])
        problems = [(m.name, problem) for m in members for problem in m.daemon.problems(whole=True) if not expected(m, problem)]
        report.verdict(f"no errors in the logs ({problems[:2]})", not problems)
