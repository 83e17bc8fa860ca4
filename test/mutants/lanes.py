"""What several connections share and what they don't, each rule taken out; the form is that of positions.py."""
import os

MUTANTS = []
RULES = {
    "lanes": "a partition belongs to one connection, and each has as many as the others",
    "lanes-breaker": "one breaker: half-open, one connection tries; those that break together are one failure",
    "lanes-apart": "one that is stuck doesn't hold up the others, and a revocation waits for all",
}

LANES = "test_consumer_lanes"


def mutant(name, rule, file, old, new, unit, quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=os.path.join("consumer", file), old=old, new=new,
                        unit=f"{LANES}:{unit}", e2e=None, quick=quick))


mutant("lanes-first-takes-all", "lanes", "consumer_lane.c", "if (count >= least)", "if (count >= 0)", "each_has_as_many")
mutant("lanes-progress-of-others", "lanes", "consumer_progress.c", "return partition->lane == lane->number &&\n\t\t   (", "return (",
       "whatever_happens_nothing_is_lost_or_applied_twice")
mutant("lanes-letters-at-once", "lanes-apart", "consumer_letters.c", " &&\n\t\t   !consumer_awaits_letter(consumer))", ")",
       "letters_of_several_connections")
mutant("lanes-connected-for-nothing", "lanes", "consumer_lane.c", "if (!lane_is_needed(lane) || (", "if ((",
       "who_has_no_partition_isnt_connected")
mutant("lanes-all-probe", "lanes-breaker", "consumer_lane.c", "(verdict == BREAKER_PROBE && !has_permit(lane))", "false",
       "one_breaker_for_all", quick=True)
mutant("lanes-each-loss-counts", "lanes-breaker", "consumer_apply.c",
       "if (consumer->lost_lane != lane->number && lane->request_at <= consumer->lost_at)", "if (false)",
       "connections_that_break_together_are_one_failure")
mutant("lanes-no-loss-counts", "lanes-breaker", "consumer_apply.c",
       "if (consumer->lost_lane != lane->number && lane->request_at <= consumer->lost_at)",
       "if (consumer->lost_lane != lane->number)", "connections_that_break_together_are_one_failure")
mutant("lanes-full-one-stops-all", "lanes-apart", "consumer_read.c", "if (batch_is_full(lane->filling) && is_read(lane))",
       "if (batch_is_full(lane->filling))", "others_go_on", quick=True)
mutant("lanes-revoked-under-way", "lanes-apart", "consumer_places.c", "if (!consumer->revoking || consumer_is_applying(consumer))",
       "if (!consumer->revoking || consumer->lanes[0].request == REQUEST_APPLY)", "what_is_revoked_waits_for_all", quick=True)
