"""What is in the backlog: transactions, their events, and what others write meanwhile.

One session writes it, so that the numbers of the events rise in commit order; bench-relay check relies on that.
"""
import dataclasses

TYPE = "bench"
KEYS = 10000
ROWS = 10000

TABLES = f"""
CREATE TABLE item (id integer PRIMARY KEY, state integer, at timestamptz);
INSERT INTO item SELECT g, 0, now() FROM generate_series(0, {ROWS - 1}) AS g;
CREATE TABLE other (id bigserial PRIMARY KEY, note text);
"""

# What is around a number of 7 digits and the text.
_AROUND = len('{"n": 0000000, "note": ""}')


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    transactions: int
    per_transaction: int
    payload_bytes: int = 400
    others: int = 0             # transactions of other tables before each one with events
    upsert: bool = True

    @property
    def events(self):
        return self.transactions * self.per_transaction

    def scaled(self, share):
        """With so many times the transactions, at least one."""
        return dataclasses.replace(self, transactions=max(1, round(self.transactions * share)))

    def describe(self):
        return (f"{self.transactions} transactions of {self.per_transaction} events with {self.payload_bytes} bytes"
                + (f", each behind {self.others} transactions of another table" if self.others else ""))


WORKLOADS = {workload.name: workload for workload in (
    Workload("single", 300000, 1),
    Workload("ten", 32000, 10),
    Workload("large", 100, 10000, upsert=False),
    Workload("wide", 30000, 1, payload_bytes=10000),
    Workload("sparse", 20000, 1, others=19),
)}

# Of the number whose events are scaled by EVENTS=; the others in proportion.
REFERENCE = "single"


def chosen(names, events=None):
    """The workloads of a list of names, all when it is empty; events: of the reference."""
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        raise ValueError(f"no such workload: {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    share = 1 if events is None else events / WORKLOADS[REFERENCE].events
    return [WORKLOADS[name].scaled(share) for name in names or WORKLOADS]


def _payload(number):
    return f"""('{{"n": ' || lpad(({number})::text, 7) || ', "note": "' || note || '"}}')::json"""


def statement(workload):
    """A DO block that writes it; digits of md5, for a large value of one letter would be compressed."""
    text = workload.payload_bytes - _AROUND
    assert text > 0 and workload.events < 10 ** 7
    others = f"""
    FOR o IN 1 .. {workload.others} LOOP
      INSERT INTO other (note) VALUES (note);
      COMMIT;
    END LOOP;""" if workload.others else ""
    upsert = f"""
    INSERT INTO item VALUES (t % {ROWS}, t, now())
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at;""" if workload.upsert else ""
    return f"""
DO $$
DECLARE
  note text := left((SELECT string_agg(md5(g::text), '') FROM generate_series(0, {text // 32}) AS g), {text});
BEGIN
  FOR t IN 0 .. {workload.transactions - 1} LOOP{others}{upsert}
    PERFORM outbox.emit('{TYPE}', 'k' || (n % {KEYS}), 'Changed', {_payload("n")})
      FROM generate_series(t * {workload.per_transaction}, (t + 1) * {workload.per_transaction} - 1) AS n;
    COMMIT;
  END LOOP;
END $$"""
