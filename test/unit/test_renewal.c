/*
 * test_renewal.c
 *	  When a client that may have lost topics is given up: the rule, and the real kafka_inbox
 *	  on librdkafka's mock cluster, of which a topic goes and comes back.
 */
#include "inbox_stage.h"

#include "kafka_intern.h"
#include "renewal.h"

static char *const topics[] = {(char *) "t", (char *) "u"};
static const char *const settings[] = {"kafka.topic.metadata.refresh.interval.ms", "200", NULL};

/* -------------------------------------------------------------------------
 * the rule
 * ------------------------------------------------------------------------- */

static void
is_for_versions_that_lose_topics(void **state)
{
	(void) state;
	assert_false(renewal_is_for(0x020002ff));
	assert_false(renewal_is_for(0x020300ff));
	assert_true(renewal_is_for(0x020400ff));
	assert_true(renewal_is_for(0x020800ff));
	assert_true(renewal_is_for(0x020901ff));
	assert_false(renewal_is_for(0x020a00ff));
	assert_false(renewal_is_for(0x020e00ff));
}

static void
a_topic_that_was_never_there_is_waited_for(void **state)
{
	Renewal renewal = {0};

	(void) state;
	renewal_missed(&renewal, false, 0);
	assert_false(renewal_is_due(&renewal, MONO_NEVER));
}

static void
the_revocation_goes_first(void **state)
{
	Renewal renewal = {0};
	MonoUsec now = 5 * USEC_PER_SEC;

	(void) state;
	renewal_missed(&renewal, true, now);
	assert_false(renewal_is_due(&renewal, now + RENEWAL_SETTLE_USEC - 1));
	/* Another one that is missed meanwhile puts nothing off. */
	renewal_missed(&renewal, true, now + RENEWAL_SETTLE_USEC - 1);
	assert_true(renewal_is_due(&renewal, now + RENEWAL_SETTLE_USEC));
	renewal_opened(&renewal, now + RENEWAL_SETTLE_USEC);
	assert_false(renewal_is_due(&renewal, MONO_NEVER));
}

/* When the next one is due after a topic was missed at "now". */
static MonoUsec
renew(Renewal *renewal, MonoUsec now)
{
	renewal_missed(renewal, true, now);
	while (!renewal_is_due(renewal, now))
		now += USEC_PER_SEC / 2;
	renewal_opened(renewal, now);
	return now;
}

static void
each_pause_is_longer_up_to_a_minute(void **state)
{
	static const int64_t pauses[] = {10, 20, 40, 60, 60, 60};
	Renewal renewal = {0};
	MonoUsec last = renew(&renewal, 0);
	MonoUsec now;

	(void) state;
	assert_int_equal(last, RENEWAL_SETTLE_USEC);
	for (size_t i = 0; i < LENGTH(pauses); i++)
	{
		now = renew(&renewal, last);
		assert_int_equal(now - last, pauses[i] * USEC_PER_SEC);
		last = now;
	}
	/* Quiet for twice that time: as at the start. */
	now = last + 2 * RENEWAL_PAUSE_MAX_USEC;
	last = renew(&renewal, now);
	assert_int_equal(last - now, RENEWAL_SETTLE_USEC);
	assert_int_equal(renew(&renewal, last) - last, RENEWAL_PAUSE_USEC);
}

/* The look that follows does the damage. */
static void
another_id_waits_for_nothing(void **state)
{
	Renewal renewal = {0};
	MonoUsec last = renew(&renewal, 0);

	(void) state;
	renewal_missed(&renewal, true, last);
	renewal_replaced(&renewal, last + 1);
	assert_false(renewal_is_due(&renewal, last));
	assert_true(renewal_is_due(&renewal, last + 1));
}

/* One that took the place of the last for another reason has nothing to do with pauses. */
static void
another_client_has_missed_nothing(void **state)
{
	Renewal renewal = {0};

	(void) state;
	renewal_opened(&renewal, 0);
	assert_int_equal(renew(&renewal, 0), RENEWAL_SETTLE_USEC);
}

/* -------------------------------------------------------------------------
 * the inbox
 * ------------------------------------------------------------------------- */

static void
open_forgetful(Stage *stage)
{
	stage_open(stage, topics, LENGTH(topics), settings);
	((KafkaInbox *) stage->inbox)->loses_topics = true;
	while (stage->partitions < 4)
		stage_wait(stage, INBOX_ASSIGNED);
}

static void
let_go(Stage *stage)
{
	rd_kafka_mock_topic_set_error(stage->cluster, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	stage_wait(stage, INBOX_RENEWING);
	/* Those that went are given back, the others are held. */
	assert_int_equal(stage->partitions, 2);
	assert_int_equal(stage->lost, 1);
}

static void
a_new_client_finds_a_topic_that_comes_back(void **state)
{
	Stage stage;
	const rd_kafka_t *first;

	(void) state;
	open_forgetful(&stage);
	first = ((KafkaInbox *) stage.inbox)->rk;
	let_go(&stage);
	stage_wait(&stage, INBOX_REVOKED);
	assert_int_equal(stage.partitions, 0);
	assert_int_equal(stage.lost, 1);
	/* The next one hasn't known it, and reads the other. */
	stage_wait(&stage, INBOX_WAITING);
	assert_ptr_not_equal(((KafkaInbox *) stage.inbox)->rk, first);
	while (stage.partitions < 2)
		stage_wait(&stage, INBOX_ASSIGNED);
	rd_kafka_mock_topic_set_error(stage.cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
	while (stage.partitions < 4)
		stage_wait(&stage, INBOX_ASSIGNED);
	assert_int_equal(stage.renewed, 1);
	stage.inbox->methods->close(stage.inbox);
	stage_wait(&stage, INBOX_CLOSED);
	assert_int_equal(stage.partitions, 0);
	stage_close(&stage);
}

static void
what_ends_while_it_leaves_ends(void **state)
{
	Stage stage;
	const rd_kafka_t *first;

	(void) state;
	open_forgetful(&stage);
	first = ((KafkaInbox *) stage.inbox)->rk;
	let_go(&stage);
	stage.inbox->methods->close(stage.inbox);
	stage_wait(&stage, INBOX_CLOSED);
	assert_ptr_equal(((KafkaInbox *) stage.inbox)->rk, first);
	assert_int_equal(stage.partitions, 0);
	assert_int_equal(stage.renewed, 1);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_for_versions_that_lose_topics),
		cmocka_unit_test(a_topic_that_was_never_there_is_waited_for),
		cmocka_unit_test(the_revocation_goes_first),
		cmocka_unit_test(each_pause_is_longer_up_to_a_minute),
		cmocka_unit_test(another_id_waits_for_nothing),
		cmocka_unit_test(another_client_has_missed_nothing),
		cmocka_unit_test(a_new_client_finds_a_topic_that_comes_back),
		cmocka_unit_test(what_ends_while_it_leaves_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
