/*
 * test_membership.c
 *	  What becomes of a static member that Kafka fences: the rule, and the real kafka_inbox on
 *	  librdkafka's mock cluster, whose answers are scripted.
 */
#include "unit.h"

#include "clock.h"
#include "consumer_options.h"
#include "exit_codes.h"
#include "kafka_inbox.h"
#include "membership.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#define API_OFFSET_COMMIT 8
#define API_JOIN_GROUP 11
#define API_HEARTBEAT 12
#define SESSION_MS 3500 /* the mock takes 3 s for the first assignment */
#define PATIENCE_USEC (60 * USEC_PER_SEC)

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

typedef struct Stage
{
	rd_kafka_t *host; /* the cluster lives in its threads */
	rd_kafka_mock_cluster_t *cluster;
	Options *options;
	Inbox *inbox;
	Error error; /* of the last event */
	int assigned;
	int lost;
	int rejoined;
} Stage;

static void
stage_open(Stage *stage)
{
	static char *topics[] = {(char *) "t"};
	static const KafkaSubscription subscription = {topics, 1, NULL};
	char session[16];
	char reason[256];
	const char *pairs[] = {"consumer.group",
						   "g",
						   "consumer.instance_id",
						   "me",
						   "kafka.session.timeout.ms",
						   session,
						   "kafka.heartbeat.interval.ms",
						   "100",
						   "kafka.reconnect.backoff.max.ms",
						   "100",
						   "kafka.auto.commit.interval.ms",
						   "60000",
						   NULL};

	*stage = (Stage){.host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, reason, sizeof(reason))};
	assert_non_null(stage->host);
	stage->cluster = rd_kafka_mock_cluster_new(stage->host, 1);
	assert_non_null(stage->cluster);
	assert_int_equal(rd_kafka_mock_topic_create(stage->cluster, "t", 2, 1),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	stage->options = options_create(&consumer_option_table);
	error_clear(&stage->error);
	snprintf(session, sizeof(session), "%d", SESSION_MS);
	for (const char **pair = pairs; *pair != NULL; pair += 2)
		assert_true(options_set(stage->options, pair[0], pair[1], "test", &stage->error));
	assert_true(options_set(stage->options, "kafka.bootstrap.servers",
							rd_kafka_mock_cluster_bootstraps(stage->cluster), "test",
							&stage->error));
	stage->inbox = kafka_inbox_create(stage->options, "g", &subscription, &stage->error);
	if (stage->inbox == NULL)
		fail_msg("%s", stage->error.message);
}

static void
stage_close(Stage *stage)
{
	stage->inbox->methods->destroy(stage->inbox);
	options_free(stage->options);
	rd_kafka_mock_cluster_destroy(stage->cluster);
	rd_kafka_destroy(stage->host);
}

/* As the conductor does: partitions begin, have something stored, and are given back. */
static void
take(Stage *stage, const InboxEvent *event)
{
	const InboxClass *inbox = stage->inbox->methods;
	InboxPlace places[2];
	Error error;

	error_clear(&error);
	stage->error = event->error;
	for (size_t i = 0; i < event->place_count && i < LENGTH(places); i++)
		places[i] =
			(InboxPlace){.topic = event->places[i].topic, .partition = event->places[i].partition};
	if (event->type == INBOX_ASSIGNED && event->place_count > 0)
	{
		assert_true(inbox->begin(stage->inbox, places, event->place_count, &error));
		for (size_t i = 0; i < event->place_count; i++)
			places[i].offset = 7;
		inbox->store(stage->inbox, places, event->place_count);
		stage->assigned++;
	}
	else if (event->type == INBOX_REVOKED)
	{
		stage->lost += event->lost;
		assert_true(inbox->finish(stage->inbox, places, event->place_count, &error));
	}
	else if (event->type == INBOX_REJOINING)
		stage->rejoined++;
}

/* Until an event of that type came. */
static void
stage_wait(Stage *stage, InboxEventType type)
{
	static InboxEvent event;
	MonoUsec until = clock_mono() + PATIENCE_USEC;

	while (clock_mono() < until)
	{
		struct pollfd fd = {.fd = stage->inbox->methods->fd(stage->inbox), .events = POLLIN};

		while (stage->inbox->methods->poll(stage->inbox, &event) == IO_OK)
		{
			take(stage, &event);
			if (event.type == type)
				return;
		}
		(void) poll(&fd, 1, 100);
	}
	fail_msg("no event %d, the last error was: %s", type, stage->error.message);
}

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
	stage_open(&stage);
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
	stage_open(&stage);
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
