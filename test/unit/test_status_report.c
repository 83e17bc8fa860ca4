/*
 * test_status_report.c
 *	  outbox-relay status: what is known, what isn't, for people and for machines.
 */
#include "unit.h"

#include <jansson.h>

#include "status_report.h"

static const SlotStatus full = {.slot = "shop",
								.source_id = "shop-1",
								.generation = 2,
								.registration = "ready",
								.slot_state = "active",
								.active_pid = 4711,
								.standby_relays = 1,
								.wal_status = "extended",
								.invalidation_reason = "wal_removed",
								.confirmed_lsn = "0/16B3748",
								.mark_lsn = "0/16B3700",
								.mark_at = "2026-01-31 12:00:00+00",
								.retained_bytes = 4096,
								.safe_wal_known = true,
								.safe_wal_size = 1048576,
								.lag_bytes = 72,
								.lag_seconds = 1.25,
								.last_position = "shop-1/2.1/0/16B3700/0",
								.failover_problem = "the slot isn't synchronized",
								.dead_letters = 3,
								.gap_open = true,
								.routing = "as recorded"};

static const SlotStatus bare = {.slot = "shop",
								.source_id = "shop-1",
								.generation = 1,
								.registration = "creating",
								.slot_state = "missing"};

/* To be freed. */
static char *
report(const SlotStatus *status, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	status_report(status, json, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
expect_text(const SlotStatus *status, const char *expected)
{
	char *text = report(status, false);

	assert_string_equal(text, expected);
	free(text);
}

static void
all_of_it(void **state)
{
	(void) state;
	expect_text(&full, "relay            streaming, process 4711 of the server, 1 standing by\n"
					   "source id        shop-1, generation 2, ready\n"
					   "slot             shop, active\n"
					   "wal_status       extended\n"
					   "invalid          wal_removed\n"
					   "confirmed        0/16B3748\n"
					   "mark             0/16B3700, written 2026-01-31 12:00:00+00\n"
					   "lag              72 bytes, 1.2 s\n"
					   "retained         4096 bytes\n"
					   "safe_wal_size    1048576 bytes\n"
					   "last position    shop-1/2.1/0/16B3700/0\n"
					   "failover         the slot isn't synchronized\n"
					   "routing          as recorded\n"
					   "dead letters     3\n"
					   "gap              open: outbox-relay replay --gap publishes what may be "
					   "missing\n");
}

static void
what_isnt_known_is_left_out(void **state)
{
	(void) state;
	expect_text(&bare, "relay            none\n"
					   "source id        shop-1, generation 1, creating\n"
					   "slot             shop, missing\n"
					   "mark             none, written never\n"
					   "lag              0 bytes, 0.0 s\n"
					   "retained         0 bytes\n"
					   "safe_wal_size    no limit\n"
					   "failover         nothing is known against one\n"
					   "dead letters     0\n"
					   "gap              none\n");
}

static void
one_that_waits_is_standing_by(void **state)
{
	SlotStatus status = bare;

	(void) state;
	assert_string_equal(status_relay_role(&status), "none");
	status.standby_relays = 2;
	assert_string_equal(status_relay_role(&status), "standing by");
	status.active_pid = 1;
	assert_string_equal(status_relay_role(&status), "streaming");
}

static json_t *
parse(const SlotStatus *status)
{
	char *text = report(status, true);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_true(json_is_object(root));
	free(text);
	return root;
}

static void
machines_get_numbers_and_nulls(void **state)
{
	static const char *const unknown[] = {
		"wal_status",	 "invalidation_reason", "confirmed_lsn",	"mark_lsn", "mark_at",
		"safe_wal_size", "last_position",		"failover_problem", "routing"};
	json_t *known = parse(&full);
	json_t *none = parse(&bare);

	(void) state;
	assert_int_equal(json_object_size(known), 23);
	assert_int_equal(json_object_size(none), 23);
	for (size_t i = 0; i < LENGTH(unknown); i++)
	{
		assert_true(json_is_null(json_object_get(none, unknown[i])));
		assert_false(json_is_null(json_object_get(known, unknown[i])));
	}
	assert_int_equal(json_integer_value(json_object_get(known, "safe_wal_size")), 1048576);
	assert_true(json_real_value(json_object_get(known, "lag_seconds")) == 1.25);
	assert_true(json_is_true(json_object_get(known, "relay_connected")));
	assert_true(json_is_true(json_object_get(known, "gap_open")));
	assert_true(json_is_false(json_object_get(none, "relay_connected")));
	assert_string_equal(json_string_value(json_object_get(known, "role")), "streaming");
	json_decref(known);
	json_decref(none);
}

/* Connected is who waits, too. */
static void
standing_by_is_connected(void **state)
{
	SlotStatus status = bare;
	json_t *root;

	(void) state;
	status.standby_relays = 1;
	root = parse(&status);
	assert_true(json_is_true(json_object_get(root, "relay_connected")));
	assert_int_equal(json_integer_value(json_object_get(root, "active_pid")), 0);
	json_decref(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(what_isnt_known_is_left_out),
		cmocka_unit_test(one_that_waits_is_standing_by),
		cmocka_unit_test(machines_get_numbers_and_nulls),
		cmocka_unit_test(standing_by_is_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
