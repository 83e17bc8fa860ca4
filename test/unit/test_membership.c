/*
 * test_membership.c
 *	  What becomes of a static member that Kafka fences: the rule, and the real kafka_inbox on
 *	  librdkafka's mock cluster, whose answers are scripted.
 */
#include "inbox_stage.h"

#include "exit_codes.h"
#include "membership.h"

#define API_OFFSET_COMMIT 8
#define API_JOIN_GROUP 11
#define API_HEARTBEAT 12

static char *const topics[] = {(char *) "t"};
static const char *const settings[] = {"consumer.instance_id", "me", NULL};

/* -------------------------------------------------------------------------
 * the rule
 * ------------------------------------------------------------------------- */

static void
a_member_has_a_rival(void **state)
{
	Membership membership = {0};

	(void) state;
	membership_joined(&membership);
	assert_false(membership_fenced(&membership));
	assert_false(membership_fenced(&membership));
}

static void
an_outsider_joins_again_a_few_times(void **state)
{
	Membership membership = {0};

	(void) state;
	for (int i = 0; i < MEMBERSHIP_ATTEMPTS; i++)
		assert_true(membership_fenced(&membership));
	assert_false(membership_fenced(&membership));
}

static void
each_loss_has_attempts_of_its_own(void **state)
{
	Membership membership = {0};

	(void) state;
	for (int times = 0; times < 2; times++)
	{
		membership_joined(&membership);
		membership_lost(&membership);
		for (int i = 0; i < MEMBERSHIP_ATTEMPTS; i++)
			assert_true(membership_fenced(&membership));
		assert_false(membership_fenced(&membership));
	}
	/* To be lost again without having joined gives none. */
	membership_lost(&membership);
	assert_false(membership_fenced(&membership));
}

/* -------------------------------------------------------------------------
 * the inbox
 * ------------------------------------------------------------------------- */

static void
answer_next(Stage *stage, int16_t request, rd_kafka_resp_err_t code)
{
	rd_kafka_mock_push_request_errors(stage->cluster, request, 1, code);
}

/* What it lost isn't committed, which would be fenced, too, and then there were two new clients. */
static void
its_own_shadow_makes_it_join_again(void **state)
{
	Stage stage;

	(void) state;
	stage_open(&stage, topics, LENGTH(topics), settings);
	stage_wait(&stage, INBOX_ASSIGNED);
	answer_next(&stage, API_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	answer_next(&stage, API_JOIN_GROUP, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	answer_next(&stage, API_HEARTBEAT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
	stage_wait(&stage, INBOX_ASSIGNED);
	assert_int_equal(stage.lost, 1);
	assert_int_equal(stage.rejoined, 1);
	assert_int_equal(stage.assigned, 2);

	/* The new client is a member as the first was, and has a rival. */
	answer_next(&stage, API_HEARTBEAT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	stage_wait(&stage, INBOX_FATAL);
	assert_int_equal(stage.error.exit_code, EXIT_FENCED);
	assert_int_equal(stage.rejoined, 1);
	stage.inbox->methods->close(stage.inbox);
	stage_wait(&stage, INBOX_CLOSED);
	stage_close(&stage);
}

static void
a_name_that_others_keep_taking_ends_it(void **state)
{
	Stage stage;

	(void) state;
	stage_open(&stage, topics, LENGTH(topics), settings);
	for (int i = 0; i <= MEMBERSHIP_ATTEMPTS; i++)
		answer_next(&stage, API_JOIN_GROUP, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	stage_wait(&stage, INBOX_FATAL);
	assert_int_equal(stage.error.exit_code, EXIT_FENCED);
	assert_int_equal(stage.rejoined, MEMBERSHIP_ATTEMPTS);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_has_a_rival),
		cmocka_unit_test(an_outsider_joins_again_a_few_times),
		cmocka_unit_test(each_loss_has_attempts_of_its_own),
		cmocka_unit_test(its_own_shadow_makes_it_join_again),
		cmocka_unit_test(a_name_that_others_keep_taking_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
