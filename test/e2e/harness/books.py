"""What was written against what was applied, record by record.

Every kind of mistake has a number of its own, so that a long run can say what went wrong and how often;
the books close when all of them are 0.
"""
from collections import Counter, defaultdict


class Books:
    """sent: {partition: [(id, key)]} in the order of writing; applied: (id, partition) in the order of applying."""

    MISTAKES = ("lost", "twice", "foreign", "moved", "partition_disorder", "key_disorder")

    def __init__(self, sent, applied):
        self.offered = sum(len(records) for records in sent.values())
        self.applied = 0                # different ones of those that were written
        self.foreign = 0                # nobody wrote it
        self.moved = 0                  # applied as a record of another partition
        self.partition_disorder = 0     # first time behind one that was written later, of the same partition
        self.key_disorder = 0           # and of the same key
        home = {event: (partition, place, key) for partition, records in sent.items()
                for place, (event, key) in enumerate(records)}
        assert len(home) == self.offered, "an id was written twice as another record"
        times = Counter()
        last_of_partition = defaultdict(lambda: -1)
        last_of_key = defaultdict(lambda: -1)
        for event, where in applied:
            if event not in home:
                self.foreign += 1
                continue
            times[event] += 1
            if times[event] > 1:
                continue
            partition, place, key = home[event]
            self.applied += 1
            self.moved += partition != where
            self.partition_disorder += place < last_of_partition[partition]
            last_of_partition[partition] = max(place, last_of_partition[partition])
            self.key_disorder += place < last_of_key[(partition, key)]
            last_of_key[(partition, key)] = max(place, last_of_key[(partition, key)])
        self.lost = self.offered - self.applied
        self.twice = sum(count - 1 for count in times.values())
        self.missing = {partition: self._gap(records, times) for partition, records in sent.items()
                        if any(event not in times for event, _ in records)}

    @staticmethod
    def _gap(records, times):
        lost = [place for place, (event, _) in enumerate(records) if event not in times]
        return f"{len(lost)} from {lost[0]} to {lost[-1]} of {len(records)}"

    def mistakes(self):
        """{kind: number}"""
        return {kind: getattr(self, kind) for kind in self.MISTAKES}

    def closed(self):
        return not any(self.mistakes().values())

    def __repr__(self):
        return f"{self.offered} offered, {self.applied} applied, {self.mistakes()}; missing by partition: {self.missing}"
