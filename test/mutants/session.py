"""What a new session of the target has to bring with it, each rule taken out; the form is that of positions.py."""
MUTANTS = []
RULES = {
    "progress-of-a-session": "each session's progress is read, and one that went back is no rival's",
    "former-primary": "a server that another one has taken over from isn't applied to",
    "at-rest": "a target that has nothing to do is asked whether it is there",
    "trace": "what isn't a traceparent to the last character is none",
    "lost-topics": "a client that may have lost a topic is given up, no other one is, and not too often",
}

SESSION = "test_consumer_session"
RENEWAL = "test_renewal"


def mutant(name, rule, file, old, new, unit, quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=file, old=old, new=new, unit=unit, e2e=None, quick=quick))


mutant("session-progress-is-believed", "progress-of-a-session", "consumer/consumer_lane.c",
       "\t\tconsumer_forget_progress(lane);\n", "", f"{SESSION}:a_server_that_has_nothing_gets_all", quick=True)
mutant("session-that-went-back-is-a-rival", "progress-of-a-session", "consumer/consumer_progress.c",
       "if (found < partition->next_offset && partition->moved)", "if (false)",
       f"{SESSION}:what_the_next_server_lacks_is_applied_again")
mutant("session-ahead-is-no-rival", "progress-of-a-session", "consumer/consumer_progress.c",
       "if (found < partition->next_offset && partition->moved)", "if (partition->moved)",
       f"{SESSION}:who_goes_on_moving_it_ahead_is_a_rival")
mutant("former-primary-is-taken", "former-primary", "consumer/server_identity.c",
       "found->timeline < latest->timeline", "false", "test_server_identity:timelines_only_rise", quick=True)
mutant("former-primary-of-another-cluster", "former-primary", "consumer/server_identity.c",
       "latest->system == found->system && ", "", "test_server_identity:another_cluster_begins_anew")
mutant("rest-is-never-disturbed", "at-rest", "consumer/consumer_lane.c", "return interval > 0 && ", "return false && ",
       f"{SESSION}:at_rest_it_is_asked_now_and_then", quick=True)
mutant("rest-counts-for-the-breaker", "at-rest", "consumer/consumer_lane.c",
       "if (consumer->breaker.state != BREAKER_CLOSED || consumer->breaker.failures > 0)", "if (true)",
       f"{SESSION}:at_rest_it_is_asked_now_and_then")
mutant("trace-of-zeros", "trace", "common/traceparent.c", " || is_zero(text.data + TRACE_ID_AT, TRACE_ID_LEN)", "",
       "test_traceparent:refuses_everything_else")
mutant("trace-with-a-tail", "trace", "common/traceparent.c", "text.data[TRACEPARENT_LEN] != '-'", "false",
       "test_traceparent:refuses_everything_else", quick=True)
mutant("renewal-with-any-version", "lost-topics", "consumer/renewal.c", "version >= FIRST_VERSION && version < MENDED_VERSION", "version > 0",
       f"{RENEWAL}:is_for_versions_that_lose_topics", quick=True)
mutant("renewal-for-what-it-never-had", "lost-topics", "consumer/renewal.c", "if (!joined || renewal->due)", "if (renewal->due)",
       f"{RENEWAL}:a_topic_that_was_never_there_is_waited_for", quick=True)
mutant("renewal-before-the-revocation", "lost-topics", "consumer/renewal.c", "now + RENEWAL_SETTLE_USEC", "now",
       f"{RENEWAL}:the_revocation_goes_first")
mutant("renewal-put-off-for-ever", "lost-topics", "consumer/renewal.c", "if (!joined || renewal->due)", "if (!joined)",
       f"{RENEWAL}:the_revocation_goes_first")
mutant("renewal-at-each-look", "lost-topics", "consumer/renewal.c", "\t\trenewal->due_at = renewal->last + renewal->pause;\n", "\t\trenewal->due_at += 0;\n",
       f"{RENEWAL}:each_pause_is_longer_up_to_a_minute")
mutant("renewal-of-a-new-client", "lost-topics", "consumer/renewal.c", "\tif (!renewal->due)\n\t\treturn;\n", "",
       f"{RENEWAL}:another_client_has_missed_nothing")
mutant("renewal-too-late-for-another-id", "lost-topics", "consumer/renewal.c", "\trenewal->due_at = now;\n", "\trenewal->due_at = now + RENEWAL_SETTLE_USEC;\n",
       f"{RENEWAL}:another_id_waits_for_nothing", quick=True)
