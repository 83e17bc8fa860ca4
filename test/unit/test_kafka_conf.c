/*
 * test_kafka_conf.c
 *	  What the relay tells librdkafka by itself, and what of it is the user's to change.
 */
#include "unit.h"

#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_conf_t *
conf_of(KafkaRole role, const char *name, const char *value)
{
	Options *options = options_create(&relay_option_table);
	rd_kafka_conf_t *conf;
	RelayConfig config;
	Error error;

	error_clear(&error);
	assert_true(options_set(options, "kafka.bootstrap.servers", "localhost:1", "test", &error));
	if (name != NULL)
		assert_true(options_set(options, name, value, "test", &error));
	assert_true(relay_config_fill(&config, options, &error));
	conf = kafka_conf_create(&config, role, &error);
	if (conf == NULL)
		fail_msg("%s", error.message);
	options_free(options);
	return conf;
}

static void
expect(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char found[128];
	size_t size = sizeof(found);

	assert_int_equal(rd_kafka_conf_get(conf, name, found, &size), RD_KAFKA_CONF_OK);
	assert_string_equal(found, value);
}

static void
lingers_for_a_moment(void **state)
{
	static const KafkaRole producers[] = {KAFKA_PRODUCER, KAFKA_TRANSACTIONS};

	(void) state;
	for (size_t i = 0; i < sizeof(producers) / sizeof(producers[0]); i++)
	{
		rd_kafka_conf_t *conf = conf_of(producers[i], NULL, NULL);

		expect(conf, "linger.ms", "1");
		expect(conf, "enable.idempotence", "true");
		expect(conf, "max.in.flight.requests.per.connection", "5");
		rd_kafka_conf_destroy(conf);
	}
}

static void
lingers_as_the_user_says(void **state)
{
	rd_kafka_conf_t *conf = conf_of(KAFKA_PRODUCER, "kafka.linger.ms", "20");

	(void) state;
	expect(conf, "linger.ms", "20");
	rd_kafka_conf_destroy(conf);
	/* By the other name that the library has for it. */
	conf = conf_of(KAFKA_PRODUCER, "kafka.queue.buffering.max.ms", "0");
	expect(conf, "linger.ms", "0");
	rd_kafka_conf_destroy(conf);
}

static void
leaves_no_holes_without_transactions(void **state)
{
	rd_kafka_conf_t *conf = conf_of(KAFKA_PRODUCER, NULL, NULL);

	(void) state;
	expect(conf, "enable.gapless.guarantee", "true");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(KAFKA_TRANSACTIONS, NULL, NULL);
	expect(conf, "enable.gapless.guarantee", "false");
	rd_kafka_conf_destroy(conf);
}

/* The queue is empty: what librdkafka refuses now it would refuse for ever. */
static void
assert_finds_room(const char *name, const char *value, size_t size)
{
	static const KafkaRole producers[] = {KAFKA_PRODUCER, KAFKA_TRANSACTIONS};

	for (size_t i = 0; i < sizeof(producers) / sizeof(producers[0]); i++)
	{
		rd_kafka_conf_t *conf = conf_of(producers[i], name, value);
		void *payload = calloc(1, size);
		rd_kafka_topic_t *topic;
		rd_kafka_t *client;
		Error error;

		error_clear(&error);
		rd_kafka_conf_set_log_cb(conf, NULL);
		client = kafka_handle_create(conf, producers[i], &error);
		assert_non_null(client);
		topic = rd_kafka_topic_new(client, "t", NULL);
		assert_int_equal(
			rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, payload, size, NULL, 0, NULL), 0);
		rd_kafka_topic_destroy(topic);
		(void) rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE);
		rd_kafka_destroy(client);
		free(payload);
	}
}

static void
an_event_of_any_size_finds_room(void **state)
{
	rd_kafka_conf_t *conf = conf_of(KAFKA_PRODUCER, "kafka.message.max.bytes", "268435456");

	(void) state;
	expect(conf, "queue.buffering.max.kbytes", "262145");
	rd_kafka_conf_destroy(conf);
	/* Whatever the user says of the queue. */
	assert_finds_room("kafka.queue.buffering.max.kbytes", "100", 999000);
	/* What is enough stays. */
	conf = conf_of(KAFKA_PRODUCER, "kafka.queue.buffering.max.kbytes", "1000");
	expect(conf, "queue.buffering.max.kbytes", "1000");
	rd_kafka_conf_destroy(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lingers_for_a_moment),
		cmocka_unit_test(lingers_as_the_user_says),
		cmocka_unit_test(leaves_no_holes_without_transactions),
		cmocka_unit_test(an_event_of_any_size_finds_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
