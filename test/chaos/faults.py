"""The faults: what each does to its subject, and how it is undone.

A kind has ways, each with the names of what it may hit: {way: [subject]}.  begin() and end() are called with the
subject itself and the way; what they ask of a subject is what harness.cluster.Cluster, harness.kafka.Broker and
members.Member have.  Disks that are full are in disks.py.
"""
import signal

from harness.background import Background


class Kind:
    """One kind; it lasts between shortest and longest, in seconds."""

    name = None

    def __init__(self, ways, shortest, longest):
        self.ways, self.shortest, self.longest = ways, shortest, longest

    def begin(self, subject, way):
        raise NotImplementedError

    def end(self, subject, way):
        """False: nobody has felt it.  What can't be felt by accident alone raises instead."""
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
    """A PostgreSQL server goes: ways are those of pg_ctl (immediate is without a checkpoint) and kill (kill -9 of all of it)."""

    name = "database"

    def begin(self, subject, way):
        if way == "kill":
            subject.kill()
        else:
            subject.stop(way)

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


class BrokerFreeze(Kind):
    """A broker that stands still, with its connections open."""

    name = "standstill"

    def begin(self, subject, way):
        subject.pause()

    def end(self, subject, way):
        subject.resume()


class Leader(Kind):
    """kill -9 of the broker that leads a topic's first partition; the other two go on."""

    def __init__(self, ways, shortest, longest, run=None, topic=None):
        super().__init__(ways, shortest, longest)
        self.run, self.topic = run, topic

    def begin(self, subject, way):
        subject.lose_leader(self.run.scene.topic(self.topic))

    def end(self, subject, way):
        subject.find_again()


class Refusal(Kind):
    """What a broker refuses until somebody changes that; who has to stop for it is started again then."""

    POISON, PERMISSION = 15, 13     # EXIT_... of common/exit_codes.h

    def __init__(self, ways, shortest, longest, run=None):
        """run: has relays, consumers and a scene."""
        super().__init__(ways, shortest, longest)
        self.run = run

    def stops(self, way):
        """[(member, statuses with which it may stop)]"""
        raise NotImplementedError

    def refuse(self, subject, way):
        raise NotImplementedError

    def allow(self, subject):
        raise NotImplementedError

    def begin(self, subject, way):
        for member, statuses in self.stops(way):
            member.tolerate(*statuses)
        self.refuse(subject, way)

    def end(self, subject, way):
        self.allow(subject)
        for member, _ in self.stops(way):
            member.mended()


class Limit(Refusal):
    """message.max.bytes of a broker is lowered.

    Ways: batches (what is sent together is too large, each message by itself is not) and events (some messages are too
    large, too: relays stop).
    """

    BYTES = {"batches": 4000, "events": 1000}
    USUAL = 1048588

    def stops(self, way):
        return [(relay, (self.POISON,)) for relay in self.run.relays] if way == "events" else []

    def refuse(self, subject, way):
        subject.configure(message_max_bytes=str(self.BYTES[way]))

    def allow(self, subject):
        subject.configure(message_max_bytes=str(self.USUAL))


class Acl(Refusal):
    """One topic is forbidden; ways are write and all.  It has an access list then, and who isn't named in that may do nothing."""

    def __init__(self, ways, shortest, longest, run=None, topic=None):
        super().__init__(ways, shortest, longest, run)
        self.topic = topic

    def stops(self, way):
        return [(relay, (self.POISON, self.PERMISSION)) for relay in self.run.relays] \
            + [(consumer, (self.PERMISSION,)) for consumer in self.run.consumers]

    def refuse(self, subject, way):
        subject.forbid(self.run.scene.topic(self.topic), way)

    def allow(self, subject):
        subject.allow(self.run.scene.topic(self.topic))


class Slot(Refusal):
    """The relays' slot is gone, and they stop; in the end the gap is accepted and replayed, as docs/operations.md has it.

    Ways: drop, and invalidate (the server no longer keeps what a relay that isn't there has yet to read).  A relay that stood
    still meanwhile, or began to wait for the slot, stops when it sees what "init --accept-gap" left.
    """

    GAP, REPLACED = 10, 16

    def stops(self, way):
        return [(relay, (self.GAP, self.REPLACED)) for relay in self.run.relays]

    def refuse(self, subject, way):
        if way == "drop":
            self.run.drop_slot()
        else:
            self.run.invalidate_slot()

    def allow(self, subject):
        self.run.accept_gap()

    def end(self, subject, way):
        super().end(subject, way)
        for relay in self.run.relays:
            relay.check()
            relay.start()
        self.run.replay_gap()


class FailOver(Kind):
    """A server is lost, and its standby takes its place.  Ways: caught-up, and behind (of what came last)."""

    def __init__(self, ways, shortest, longest, run=None):
        super().__init__(ways, shortest, longest)
        self.run = run
        self._lacking = True

    def begin(self, subject, way):
        self._lacking = self.run.lose(subject.role, way == "behind")

    def end(self, subject, way):
        self.run.fail_over(subject.role)
        return self._lacking


class FailOverWithoutSlot(Slot):
    """The source is lost, and so is the slot, of which its standby has no copy.  Ways as those of FailOver."""

    _lacking = True

    def refuse(self, subject, way):
        self._lacking = self.run.lose(subject.role, way == "behind")

    def allow(self, subject):
        self.run.fail_over(subject.role)
        super().allow(subject)

    def end(self, subject, way):
        super().end(subject, way)
        return self._lacking


class TopicAgain(Refusal):
    """A topic is deleted and made again, and what it held is sent again, as docs/operations.md has it.

    Ways: at-once, and late (it is missing for the time of the fault).  A relay that finds it missing stops, a consumer always
    does that has applied some of it: none may pass over what is gone.
    """

    ROUTING, OFFSETS = 16, 22

    def __init__(self, ways, shortest, longest, run=None, topic=None):
        super().__init__(ways, shortest, longest, run)
        self.topic = topic
        self._held = set()
        self._was_read = False

    @property
    def _name(self):
        return self.run.scene.topic(self.topic)

    def stops(self, way):
        return [(relay, (self.ROUTING,)) for relay in self.run.relays] \
            + [(consumer, (self.OFFSETS,)) for consumer in self.run.consumers]

    def refuse(self, subject, way):
        self._held = self.run.delete_topic(self._name)
        self._was_read = self.run.has_progress(self._name)
        if way == "at-once":
            self.run.make_topic(self._name)

    def allow(self, subject):
        if self._was_read:
            self.run.wait_consumers_stopped()
            self.run.forget_progress(self._name)

    def end(self, subject, way):
        if way == "late":
            self.run.make_topic(self._name)
        super().end(subject, way)
        return self.run.fill_topic(self._name, self._held) > 0


class Step(Kind):
    """A daemon's wall clock is an hour wrong for a while.  Ways: ahead and back."""

    SECONDS = {"ahead": 3600, "back": -3600}

    def __init__(self, ways, shortest, longest):
        super().__init__(ways, shortest, longest)
        self._told = {}

    def begin(self, subject, way):
        self._told[subject] = subject.clock.told()
        subject.clock.step(self.SECONDS[way])

    def end(self, subject, way):
        subject.clock.step(0)
        return subject.clock.told() > self._told.pop(subject)


class Walsenders(Kind):
    """pg_terminate_backend() of what sends WAL, again and again."""

    name = "walsenders"
    END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'"

    def __init__(self, ways, shortest, longest):
        super().__init__(ways, shortest, longest)
        self._repeated = {}

    def begin(self, subject, way):
        self._repeated[subject] = Repeated(lambda: subject.query("postgres", self.END), 0.5).start()

    def end(self, subject, way):
        repeated = self._repeated.pop(subject)
        repeated.stop()
        repeated.check()


class Repeated(Background):
    """The same, so many seconds after each other."""

    def __init__(self, what, every):
        super().__init__()
        self.what, self.every = what, every

    def run(self):
        while True:
            self.what()
            if self.ending.wait(self.every):
                return


class Line(Kind):
    """A bad link: ways are latency, trickle (few bytes a second), reset, blackhole, refuse and cut (within a message)."""

    name = "link"
    TOXICS = {"latency": {"latency": 300, "jitter": 200}, "trickle": {"bandwidth": 20000}, "reset": {},
              "blackhole": {"blackhole": 1}, "refuse": {"refuse": 1}, "cut": {"cut": 1}}

    def begin(self, subject, way):
        subject.set(**self.TOXICS[way])
        if way == "reset":
            subject.reset()

    def end(self, subject, way):
        subject.heal()
        if way == "reset":
            subject.reset()


class Ill(Kind):
    """A target that is there and no good: ways are what the subject has, as ill(way) and well()."""

    name = "illness"

    def begin(self, subject, way):
        subject.ill(way)

    def end(self, subject, way):
        subject.well()


class Reload(Kind):
    """SIGHUP with other settings, one after the other while it lasts; the way says which."""

    name = "reload"

    def __init__(self, ways, shortest, longest, settings=None):
        """settings: {way: [changes, one after the other]}; a text is a file that has to be refused."""
        super().__init__(ways, shortest, longest)
        self.settings = settings or {}

    def begin(self, subject, way):
        for changes in self.settings[way]:
            if isinstance(changes, str):
                subject.reload(changes)
            else:
                subject.reload(**changes)

    def end(self, subject, way):
        subject.reload()


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
