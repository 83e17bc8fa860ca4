"""The rules of the consumer's circuit breaker, each taken out; the form is that of positions.py."""
MUTANTS = []
RULES = {
    "trip": "failures in a row, a failure rate or a slow-call rate open it",
    "window": "a window holds what it should, and proves nothing with too few calls",
    "wait": "the wait has its length, grows and falls back",
    "probe": "half-open, successes in a row close it and one failure or slow call opens it",
    "mode": "forced open and disabled overrule everything; whoever releases it starts anew",
    "told": "each change of state is told once and counted once",
    "orders": "orders come from this machine alone",
}

TABLE = "test_breaker"
ORDERS = "test_breaker_orders"
WALKS = "test_breaker_model:random_walks_agree_with_a_model"


def mutant(name, rule, old, new, unit, file="common/breaker.c", quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=file, old=old, new=new, unit=unit, e2e=None, quick=quick))


mutant("breaker-one-failure-late", "trip", "breaker->failures >= config->failures)", "breaker->failures > config->failures)",
       f"{TABLE}:five_failures_open_it_and_three_successes_close_it", quick=True)
mutant("breaker-success-forgets-nothing", "trip", "\t\t\tbreaker->failures = 0;\n", "", f"{TABLE}:a_success_forgets_failures")
mutant("breaker-rate-late", "trip", "(uint64_t) calls * 100 >= ", "(uint64_t) calls * 100 > ",
       f"{TABLE}:a_failure_rate_opens_it")
mutant("breaker-slow-late", "window", "bool slow = took_usec >= breaker->config.slow_usec;",
       "bool slow = took_usec > breaker->config.slow_usec;", f"{TABLE}:slow_calls_open_it")
mutant("breaker-too-few-calls", "window", "if (window.calls < config->window_calls || window.calls == 0)",
       "if (window.calls == 0)", WALKS, quick=True)
mutant("breaker-window-without-end", "window", "bucket->index <= index - BREAKER_BUCKETS", "bucket->index <= index - 1000",
       f"{TABLE}:what_left_the_window_does_not_count")
mutant("breaker-window-one-part-short", "window", "bucket->index <= index - BREAKER_BUCKETS",
       "bucket->index <= index - BREAKER_BUCKETS + 1", WALKS)
mutant("breaker-calls-never-leave", "window", "counts->failures -= (*call & CALL_FAILED) != 0;", ";",
       f"{TABLE}:a_window_of_calls")
mutant("breaker-slow-calls-never-leave", "window", "counts->slow -= (*call & CALL_SLOW) != 0;", ";", WALKS)
mutant("breaker-wait-does-not-grow", "wait", "\t\tbreaker->reopened++;\n", "\t\t;\n",
       f"{TABLE}:the_wait_grows_to_its_limit_and_falls_back")
mutant("breaker-wait-stays-long", "wait", "\t\tbreaker->reopened = 0;\n", "\t\t;\n",
       f"{TABLE}:the_wait_grows_to_its_limit_and_falls_back")
mutant("breaker-wait-without-limit", "wait", "\tif (wait > most)\n\t\twait = most;\n", "",
       f"{TABLE}:the_wait_grows_to_its_limit_and_falls_back")
mutant("breaker-half-open-early", "wait", "now >= breaker_wake_at(breaker)", "now >= breaker_wake_at(breaker) - USEC_PER_SEC",
       f"{TABLE}:five_failures_open_it_and_three_successes_close_it")
mutant("breaker-one-success-is-enough", "probe", "++breaker->successes >= config->successes", "++breaker->successes >= 1",
       f"{TABLE}:five_failures_open_it_and_three_successes_close_it")
mutant("breaker-slow-probe-is-fine", "probe", "config->slow_rate_percent > 0 && took_usec >= config->slow_usec",
       "false", f"{TABLE}:slow_calls_open_it")
mutant("breaker-old-successes-count", "probe", "\tbreaker->successes = 0;\n", "", f"{TABLE}:one_failed_probe_opens_it_again")
mutant("breaker-forced-open-ends", "mode", "\t\t\tnow, -1);\n}\n\nvoid\nbreaker_close",
       "\t\t\tnow, 0);\n}\n\nvoid\nbreaker_close", f"{ORDERS}:modes_overrule_it", quick=True)
mutant("breaker-release-stays-forced", "mode", "breaker->mode = BREAKER_AUTO;\n\tmove_to(breaker, BREAKER_CLOSED",
       "move_to(breaker, BREAKER_CLOSED", WALKS)
mutant("breaker-release-keeps-counts", "mode", "\tforget(breaker);\n\tif (wait_usec >= 0)",
       "\tif (breaker->state != to)\n\t\tforget(breaker);\n\tif (wait_usec >= 0)", f"{ORDERS}:hands_close_and_try")
mutant("breaker-tells-twice", "told", "\tbreaker->queued--;\n\tmemmove(breaker->queue, breaker->queue + 1,\n\t\t\t(size_t)",
       "\tbreaker->queued -= breaker->queued > 1;\n\tmemmove(breaker->queue, breaker->queue + 1,\n\t\t\t(size_t)", WALKS)
mutant("breaker-counts-nothing", "told", "breaker->transitions[breaker->state][to]++;", ";",
       f"{ORDERS}:every_state_and_input")
mutant("orders-of-any-peer", "orders", "loopback_address(info->client_addr) &&", "true &&",
       "test_http_hostile:orders_from_another_address_are_refused", "common/http_peer.c")
mutant("orders-of-any-host", "orders", "if (is_post && !http_from_this_machine(connection))", "if (false)",
       "test_http_hostile:orders_are_for_this_machine", "common/http.c")
