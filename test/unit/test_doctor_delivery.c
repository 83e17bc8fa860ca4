/*
 * test_doctor_delivery.c
 *	  What doctor says of Kafka transactions: what a relay that starts would say.
 */
#include "unit.h"

#include "doctor_delivery.h"
#include "exit_codes.h"
#include "relay_facts.h"

#include <stdio.h>
#include <string.h>

static int told;
static Finding said;

static void
take(const Finding *finding, void *arg)
{
	(void) arg;
	said = *finding;
	told++;
}

/* Transactions came to 700, of a WAL that goes up to 1000. */
static ServerFacts
server(void)
{
	ServerFacts facts = {.relay = sound_relay_facts(), .timeline = 3, .flushed = 1000};

	facts.relay.exactly_once = facts.relay.delivery_recorded = true;
	return facts;
}

static DeliveryLook
look(void)
{
	return (DeliveryLook){.exactly_once = true, .found = true, .before = {2, 3, (PgLsn) 700, 0}};
}

static void
expect(const ServerFacts *facts, const DeliveryLook *at, FindingSeverity severity,
	   const char *words)
{
	told = 0;
	assert_true(doctor_delivery_matters(facts, at));
	doctor_check_delivery(facts, at, take, NULL);
	assert_int_equal(told, 1);
	assert_string_equal(said.check, "transactions");
	if (said.severity != severity || strstr(said.found, words) == NULL)
		fail_msg("%d: %s", said.severity, said.found);
	assert_int_equal(said.place, severity == FINDING_OK ? REMEDY_NONE : REMEDY_ADVICE);
	assert_true((severity == FINDING_OK) == (said.remedy[0] == '\0'));
}

static void
is_content_with_a_position(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();

	(void) state;
	expect(&facts, &at, FINDING_OK, "they came to");
	/* The next relay publishes at least once, and begins there all the same. */
	at.exactly_once = false;
	expect(&facts, &at, FINDING_OK, "they came to");
}

static void
is_content_before_the_first(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();

	(void) state;
	at.found = facts.relay.exactly_once = false;
	expect(&facts, &at, FINDING_OK, "when the relay starts");
}

static void
tells_a_relay_under_way_from_one_that_died(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();
	Position last = {2, 3, (PgLsn) 800, 0};

	(void) state;
	at.found = facts.relay.exactly_once = false;
	facts.relay.mark_lsn = 700;
	(void) position_format("src", &last, facts.relay.last_position);
	facts.relay.slot_pid = 4711;
	expect(&facts, &at, FINDING_OK, "the relay that runs now has been stopped");
	facts.relay.slot_pid = 0;
	expect(&facts, &at, FINDING_ERROR, "Kafka has events behind the mark");
	/* What isn't about the mark is one all the same. */
	facts.relay.slot_pid = 4711;
	facts.relay.delivery_recorded = false;
	expect(&facts, &at, FINDING_ERROR, "can't record it");
}

static void
says_what_a_start_would_say(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();
	Position last = {2, 3, (PgLsn) 800, 0};

	(void) state;
	at.found = false;
	expect(&facts, &at, FINDING_ERROR, "the position topic has no position of this relay");
	assert_non_null(strstr(said.remedy, "A gap"));
	at = look();
	at.before.generation = 1;
	expect(&facts, &at, FINDING_ERROR, "the position topic has no position of this relay");
	at.before.generation = 3;
	expect(&facts, &at, FINDING_ERROR, "the registration is 2");
	at = look();
	(void) position_format("src", &last, facts.relay.last_position);
	expect(&facts, &at, FINDING_ERROR, "was committed (Kafka lost records");
	facts = server();
	at.before.commit_lsn = 1001;
	expect(&facts, &at, FINDING_ERROR, "but the server's WAL ends at");
	at = look();
	snprintf(at.written_on, sizeof(at.written_on), "78");
	expect(&facts, &at, FINDING_ERROR, "of another server");
	snprintf(at.written_on, sizeof(at.written_on), "%s", facts.relay.system_identifier);
	expect(&facts, &at, FINDING_OK, "they came to");
	at = look();
	facts.relay.delivery_recorded = false;
	expect(&facts, &at, FINDING_ERROR, "can't record it");
}

static void
says_what_it_could_not_see(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();

	(void) state;
	error_permanent(&at.error, EXIT_PERMISSION, "could not read it");
	expect(&facts, &at, FINDING_ERROR, "could not read it");
	assert_non_null(strstr(said.remedy, "Exactly once"));
	error_clear(&at.error);
	error_transient(&at.error, "could not read it");
	error_hint(&at.error, "Try again.");
	expect(&facts, &at, FINDING_WARNING, "could not read it");
	assert_string_equal(said.remedy, "Try again.");
}

static void
takes_nothing_for_an_error_that_is_none(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();

	(void) state;
	/* A relay went on while doctor looked. */
	facts.relay.slot_pid = 1;
	at.before.commit_lsn = 1001;
	expect(&facts, &at, FINDING_OK, "they came to");
	/* Which of the old timeline's WAL is this server's isn't known here. */
	facts = server();
	at.before.timeline = 2;
	expect(&facts, &at, FINDING_OK, "before a promotion");
}

static void
looks_only_where_transactions_are(void **state)
{
	ServerFacts facts = server();
	DeliveryLook at = look();

	(void) state;
	at.exactly_once = facts.relay.exactly_once = false;
	assert_false(doctor_delivery_matters(&facts, &at));
	facts.relay.exactly_once = true;
	assert_true(doctor_delivery_matters(&facts, &at));
	facts.relay.registered = false;
	assert_false(doctor_delivery_matters(&facts, &at));
	facts = server();
	error_transient(&facts.replication, "no connection");
	assert_false(doctor_delivery_matters(&facts, &at));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_content_with_a_position),
		cmocka_unit_test(is_content_before_the_first),
		cmocka_unit_test(tells_a_relay_under_way_from_one_that_died),
		cmocka_unit_test(says_what_a_start_would_say),
		cmocka_unit_test(says_what_it_could_not_see),
		cmocka_unit_test(takes_nothing_for_an_error_that_is_none),
		cmocka_unit_test(looks_only_where_transactions_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
