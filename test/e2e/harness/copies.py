"""Standbys that copy logical slots, as PostgreSQL 17 and later have it: set up as docs/operations.md says, "Failover".

A primary has one of them here, which follows it over a physical slot.
"""
from .wait import until

SLOT = "standby_slot"


def possible(server):
    return int(server.value("postgres", "SHOW server_version_num")) >= 170000


def prepared(primary):
    """It has a slot for its standby now; that is made with these options (cluster.Cluster)."""
    primary.query("postgres", "SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
    return {"slot": SLOT, "settings": {"sync_replication_slots": "on", "hot_standby_feedback": "on",
                                       "primary_conninfo": primary.conninfo("postgres")}}


def synchronize(primary):
    """From now on it sends nothing of slots that are copied which the standby doesn't have."""
    primary.configure(synchronized_standby_slots=SLOT)
    until(lambda: primary.value("postgres", "SHOW synchronized_standby_slots") == SLOT, "it is set")


def position(standby, slot):
    """Of the standby's copy of that slot, as a number: what is confirmed, once the copy is complete; else None."""
    return standby.value("postgres", "SELECT (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint FROM pg_replication_slots"
                         " WHERE slot_name = %s AND synced AND NOT temporary AND invalidation_reason IS NULL", (slot,))


def wait_complete(standby, slot, at=1, meanwhile=lambda: None, timeout=60):
    """Until the standby has a copy of the slot as that was when it was there, or later; meanwhile() is called again and again."""
    def there():
        meanwhile()
        return (position(standby, slot) or 0) >= at
    until(there, lambda: f"{standby.name} has a copy of the slot {slot}, at {at} or beyond: {position(standby, slot)}", timeout)
