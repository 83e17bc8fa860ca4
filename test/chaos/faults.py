"""The faults: what each does to its subject, and how it is undone.

A kind has ways, each with the names of what it may hit: {way: [subject]}.  begin() and end() are called with the
subject itself and the way; what they ask of a subject is what harness.cluster.Cluster, harness.kafka.Broker and
members.Member have.
"""
import signal


class Kind:
    """One kind; it lasts between shortest and longest, in seconds."""

    name = None

    def __init__(self, ways, shortest, longest):
        self.ways, self.shortest, self.longest = ways, shortest, longest

    def begin(self, subject, way):
        raise NotImplementedError

    def end(self, subject, way):
        raise NotImplementedError


class Kill(Kind):
    """kill -9 of a daemon, which a supervisor starts again."""

    name = "kill"

    def begin(self, subject, way):
        subject.kill()

    def end(self, subject, way):
        subject.start()


class Freeze(Kind):
    """A daemon that doesn't run for longer than its session lasts, and doesn't know it when it wakes."""

    name = "freeze"

    def begin(self, subject, way):
        subject.signal(signal.SIGSTOP)

    def end(self, subject, way):
        subject.signal(signal.SIGCONT)


class Crash(Kind):
    """A PostgreSQL server without a checkpoint: ways are immediate (as pg_ctl does) and kill (kill -9 of all of it)."""

    name = "database"

    def begin(self, subject, way):
        if way == "kill":
            subject.kill()
        else:
            subject.stop("immediate")

    def end(self, subject, way):
        subject.start()


class BrokerCrash(Kind):
    """kill -9 of a broker."""

    name = "broker"

    def __init__(self, ways, shortest, longest, back=lambda: None):
        """back: called when it is there again."""
        super().__init__(ways, shortest, longest)
        self.back = back

    def begin(self, subject, way):
        subject.kill()

    def end(self, subject, way):
        subject.restart()
        self.back()


class Rebalance(Kind):
    """Ways: a member leaves in order and comes back; one more joins and leaves."""

    name = "rebalance"

    def begin(self, subject, way):
        if way == "leave":
            subject.leave()
        else:
            subject.start()

    def end(self, subject, way):
        if way == "leave":
            subject.start()
        else:
            subject.leave()
