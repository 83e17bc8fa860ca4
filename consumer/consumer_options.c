/*
 * consumer_options.c
 *	  The settings of outbox-consumer: the table, and the values as numbers.
 *
 * The group has no default: two consumers for two targets that share a group
 * would share the records.
 */
#include "consumer_options.h"

#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "topic_match.h"

static const OptionSpec consumer_specs[] = {
	{"target.conninfo", OPTION_TEXT, "", 0, 0, NULL, "", OPTION_CONNINFO,
	 "How to reach the target database: a libpq connection string or URI. Empty: libpq's own "
	 "environment, service file and password file decide."},
	{"target.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET,
	 "The password, when target.conninfo has none; best as target.password_file."},
	{"target.connect_timeout", OPTION_DURATION, "5s", 100, 600000, NULL, "ms", 0,
	 "A host that doesn't take a connection within this time has failed, and the next one of "
	 "target.conninfo is tried. So has a session that doesn't answer a probe."},
	{"target.probe_interval", OPTION_DURATION, "3s", 0, 3600000, NULL, "ms", 0,
	 "A target that had nothing to do for this time is asked whether it is there and takes writes; "
	 "0: never."},
	{"target.traceparent", OPTION_ENUM, "application_name", 0, 0, "application_name|setting|off",
	 "", 0,
	 "A transaction has the traceparent of its events (of the first one that is sampled, else of "
	 "the first) in outbox.traceparent, for handlers, and as application_name, for the server's "
	 "log; in the setting alone; or nowhere."},
	{"target.connections", OPTION_INT, "2", 1, CONSUMER_CONNECTIONS_MAX, NULL, "connections", 0,
	 "So many connections apply different partitions at once; 1: all in the order in which they "
	 "are read."},
	{"consumer.group", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "The consumer group, in Kafka and in outbox_inbox. Required. Each target needs a group of its "
	 "own; its first start reads from the earliest offset."},
	{"consumer.instance_id", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "Name of this member of the group, different for each, for static membership: one that comes "
	 "back within kafka.session.timeout.ms has its partitions back, and the others notice nothing. "
	 "1 to 249 of A-Z a-z 0-9 . _ -; empty: a new member at each start."},
	{"kafka.bootstrap.servers", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "Brokers to start from, as host:port,host:port ([::1]:9092). Required. Any other librdkafka "
	 "property can "
	 "be set in the same way, but for those that carry the guarantees."},
	{"breaker.failures", OPTION_INT, "5", 0, 1000000, NULL, "failures", 0,
	 "The circuit breaker opens after so many failures of the target in a row; 0: rates alone "
	 "open it."},
	{"breaker.reset", OPTION_DURATION, "60s", 10, 86400000, NULL, "ms", 0,
	 "An open breaker tries the target again after this time."},
	{"breaker.successes", OPTION_INT, "3", 1, 1000000, NULL, "batches", 0,
	 "So many small batches must succeed before a half-open breaker closes."},
	{"breaker.probe_records", OPTION_INT, "10", 1, 1000000, NULL, "records", 0,
	 "At most so many records are tried at a time while the breaker is half-open."},
	{"breaker.growth_percent", OPTION_INT, "100", 100, 1000, NULL, "percent", 0,
	 "Each failed probe makes the time until the next one longer; 100: it doesn't."},
	{"breaker.reset_max", OPTION_DURATION, "10min", 10, 86400000, NULL, "ms", 0,
	 "The longest that such a time gets, breaker.reset at least."},
	{"breaker.jitter", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "Take up to half of the time away at random, so that many consumers don't come at once."},
	{"breaker.window_type", OPTION_ENUM, "time", 0, 0, "time|count", "", 0,
	 "Rates are taken over the batches of the last breaker.window, or over the last "
	 "breaker.window_size batches."},
	{"breaker.window", OPTION_DURATION, "10s", 100, 3600000, NULL, "ms", 0,
	 "The time over which rates are taken, to a tenth."},
	{"breaker.window_size", OPTION_INT, "100", 1, BREAKER_WINDOW_MAX, NULL, "batches", 0,
	 "The number of batches over which rates are taken."},
	{"breaker.window_calls", OPTION_INT, "10", 1, 1000000, NULL, "batches", 0,
	 "With fewer batches than this in the window rates aren't looked at."},
	{"breaker.failure_rate", OPTION_INT, "0", 0, 100, NULL, "percent", 0,
	 "The breaker opens when so many of the batches in the window failed; 0: never."},
	{"breaker.slow_rate", OPTION_INT, "0", 0, 100, NULL, "percent", 0,
	 "The breaker opens when so many of the batches in the window were slow; 0: never."},
	{"breaker.slow_duration", OPTION_DURATION, "5s", 1, 3600000, NULL, "ms", 0,
	 "A batch is slow from here on: from sending it to its commit."},
	{"breaker.mode", OPTION_ENUM, "auto", 0, 0, "auto|forced-open|disabled", "", 0,
	 "forced-open: apply nothing; disabled: never stop trying. POST /breaker/open, /breaker/close "
	 "and signals change it until the next start."},
	{"batch.max_records", OPTION_INT, "5000", 1, 1000000, NULL, "records", 0,
	 "The most that one transaction takes. Up to twice as many wait in memory for each "
	 "connection."},
	{"batch.max_bytes", OPTION_BYTES, "4MB", 1024, 268435456, NULL, "bytes", 0,
	 "The most that waits for one transaction; a larger record passes alone."},
	{"batch.target_duration", OPTION_DURATION, "200ms", 1, 600000, NULL, "ms", 0,
	 "Batches grow while they take less than half of this, and shrink when they take more."},
	{"batch.statement_timeout", OPTION_DURATION, "5s", 10, 3600000, NULL, "ms", 0,
	 "statement_timeout of the session."},
	{"batch.timeout", OPTION_DURATION, "8s", 10, 3600000, NULL, "ms", 0,
	 "A target that doesn't answer a whole transaction within this time is disconnected."},
	{"dead_letter.topic", OPTION_TEXT, "outbox.dead-letter.{group}", 0, 0, NULL, "", 0,
	 "Where events go that a handler can't apply (its on_error = dead-letter); {group} is "
	 "consumer.group. Empty: into outbox_inbox.dead_letter of the target, as those that the topic "
	 "refuses."},
	{"dead_letter.create", OPTION_BOOL, "on", 0, 0, NULL, "", 0,
	 "Make that topic when it is missing, with retention.ms=-1: letters have the time stamps of "
	 "their events."},
	{"dead_letter.partitions", OPTION_INT, "1", 1, 100000, NULL, "partitions", 0,
	 "Of that topic, when it is made."},
	{"dead_letter.replication_factor", OPTION_INT, "-1", -1, 32767, NULL, "replicas", 0,
	 "Of that topic, when it is made; -1: what the brokers have as default."},
	{"retry.min", OPTION_DURATION, "20ms", 1, 600000, NULL, "ms", 0,
	 "The first delay (at most, full jitter) before a batch is tried again."},
	{"retry.max", OPTION_DURATION, "2s", 1, 3600000, NULL, "ms", 0, "The longest such delay."},
	{"retry.attempts", OPTION_INT, "10", 1, 1000000, NULL, "attempts", 0,
	 "So many conflicts (serialization, deadlock, lock) in a row are a failure of the target."},
	{"reconnect.min", OPTION_DURATION, "100ms", 1, 600000, NULL, "ms", 0,
	 "The first delay (at most) before the target is connected again."},
	{"reconnect.max", OPTION_DURATION, "5s", 1, 3600000, NULL, "ms", 0, "The longest such delay."},
	{"inbox.retention", OPTION_DURATION, "7d", 1000, INT64_C(315360000000), NULL, "ms", 0,
	 "For so long outbox_inbox keeps the ids of applied events, by which replayed and redriven "
	 "ones "
	 "are judged, and with dedupe = id all. Of the groups in one target the longest counts."},
	{"lag.interval", OPTION_DURATION, "1s", 100, 3600000, NULL, "ms", 0,
	 "How often the lag is looked at."},
	{"drain.timeout", OPTION_DURATION, "10s", 0, 3600000, NULL, "ms", 0,
	 "After SIGTERM, wait at most this long for the batch under way and for leaving the group."},
	{"http.listen", OPTION_TEXT, "127.0.0.1:9188", 0, 0, NULL, "", 0,
	 "Where /healthz, /readyz, /status, /breaker and /metrics are served; empty: nowhere. Orders "
	 "to "
	 "the circuit breaker are taken from the same machine alone."},
	{"log.level", OPTION_ENUM, "info", 0, 0, "debug|info|warning|error", "", 0, "What is logged."},
	{"log.format", OPTION_ENUM, "auto", 0, 0, "auto|text|json", "", 0,
	 "auto: text on a terminal, JSON elsewhere."},
	{"process.core_dumps", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "off: a crash leaves no core file, and nobody but root reads the memory and the environment "
	 "of "
	 "this process: passwords and events are in both. on: as the system has it, for debugging."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL}};

const OptionTable consumer_option_table = {.program = "outbox-consumer",
										   .env_prefix = "OUTBOX_CONSUMER",
										   .passthrough = "kafka.",
										   .section_kind = "handler",
										   .specs = consumer_specs};

static int64_t
duration_usec(const Options *options, const char *name)
{
	return options_int(options, name) * USEC_PER_MS;
}

static bool
required(const Options *options, const char *name, const char *example, Error *error)
{
	const char *value = options_text(options, name);

	if (value != NULL && *value != '\0')
		return true;
	error_permanent(error, EXIT_CONFIG, "\"%s\" isn't set", name);
	return error_hint(error, "Set %s, for example, or give it in a file or on the command line.",
					  example);
}

static bool
in_order(const Options *options, const char *less, const char *more, Error *error)
{
	if (options_int(options, less) <= options_int(options, more))
		return true;
	return error_permanent(error, EXIT_CONFIG, "\"%s\" is longer than \"%s\"", less, more);
}

void
consumer_config_target(ConsumerConfig *config, const Options *options)
{
	*config = (ConsumerConfig){
		.options = options,
		.conninfo = options_conninfo(options, "target.conninfo"),
		.group = options_text(options, "consumer.group"),
		.connections = (int) options_int(options, "target.connections"),
		.connect_timeout_usec = duration_usec(options, "target.connect_timeout"),
		.probe_interval_usec = duration_usec(options, "target.probe_interval"),
		.breaker = {.failures = (unsigned) options_int(options, "breaker.failures"),
					.successes = (unsigned) options_int(options, "breaker.successes"),
					.reset_usec = duration_usec(options, "breaker.reset"),
					.reset_max_usec = duration_usec(options, "breaker.reset_max"),
					.growth_percent = (unsigned) options_int(options, "breaker.growth_percent"),
					.jitter = options_bool(options, "breaker.jitter"),
					.window = (BreakerWindow) options_enum(options, "breaker.window_type"),
					.window_usec = duration_usec(options, "breaker.window"),
					.window_size = (unsigned) options_int(options, "breaker.window_size"),
					.window_calls = (unsigned) options_int(options, "breaker.window_calls"),
					.failure_rate_percent = (unsigned) options_int(options, "breaker.failure_rate"),
					.slow_rate_percent = (unsigned) options_int(options, "breaker.slow_rate"),
					.slow_usec = duration_usec(options, "breaker.slow_duration")},
		.breaker_mode = (BreakerMode) options_enum(options, "breaker.mode"),
		.probe_records = (uint32_t) options_int(options, "breaker.probe_records"),
		.batch_records = (uint32_t) options_int(options, "batch.max_records"),
		.batch_bytes = (uint64_t) options_int(options, "batch.max_bytes"),
		.batch_target_usec = duration_usec(options, "batch.target_duration"),
		.statement_timeout_usec = duration_usec(options, "batch.statement_timeout"),
		.batch_timeout_usec = duration_usec(options, "batch.timeout"),
		.dead_letter_pattern = options_text(options, "dead_letter.topic"),
		.dead_letter_create = options_bool(options, "dead_letter.create"),
		.dead_letter_partitions = (int) options_int(options, "dead_letter.partitions"),
		.dead_letter_replication_factor =
			(int) options_int(options, "dead_letter.replication_factor"),
		.retry_min_usec = duration_usec(options, "retry.min"),
		.retry_max_usec = duration_usec(options, "retry.max"),
		.retry_attempts = (unsigned) options_int(options, "retry.attempts"),
		.reconnect_min_usec = duration_usec(options, "reconnect.min"),
		.reconnect_max_usec = duration_usec(options, "reconnect.max"),
		.inbox_retention_usec = duration_usec(options, "inbox.retention"),
		.lag_interval_usec = duration_usec(options, "lag.interval"),
		.drain_timeout_usec = duration_usec(options, "drain.timeout"),
		.trace = (PgTrace) options_enum(options, "target.traceparent"),
		.http_listen = options_text(options, "http.listen"),
	};
}

/* Rates that could never be reached are a mistake. */
static bool
rates_can_be_reached(const ConsumerConfig *config, Error *error)
{
	const BreakerConfig *breaker = &config->breaker;

	if (config->breaker_mode == BREAKER_AUTO && breaker->failures == 0 &&
		breaker->failure_rate_percent == 0 && breaker->slow_rate_percent == 0)
	{
		error_permanent(error, EXIT_CONFIG,
						"\"breaker.failures\", \"breaker.failure_rate\" and \"breaker.slow_rate\" "
						"are all 0: nothing could open the circuit breaker");
		return error_hint(error, "Set one of them, or \"breaker.mode\" to disabled.");
	}
	if (breaker->failure_rate_percent + breaker->slow_rate_percent > 0 &&
		breaker->window == BREAKER_WINDOW_COUNT && breaker->window_calls > breaker->window_size)
	{
		error_permanent(error, EXIT_CONFIG,
						"\"breaker.window_calls\" is more than \"breaker.window_size\"");
		return error_hint(error, "A window of %u batches never has %u.", breaker->window_size,
						  breaker->window_calls);
	}
	if (breaker->slow_rate_percent > 0 && breaker->slow_usec > config->batch_timeout_usec)
	{
		error_permanent(error, EXIT_CONFIG,
						"\"breaker.slow_duration\" is longer than \"batch.timeout\"");
		return error_hint(error, "A batch is given up before it could be slow.");
	}
	return true;
}

/* As Kafka wants it, which would only say INVALID_REQUEST. */
static bool
instance_id_is_legal(const Options *options, Error *error)
{
	const char *instance_id = options_text(options, "consumer.instance_id");

	if (*instance_id == '\0' || topic_is_legal(instance_id))
		return true;
	error_permanent(error, EXIT_CONFIG, "%s: invalid \"consumer.instance_id\" \"%s\"",
					options_origin(options, "consumer.instance_id"), instance_id);
	return error_hint(error,
					  "It has 1 to 249 of A-Z a-z 0-9 . _ - and is neither \".\" nor \"..\".");
}

bool
consumer_config_fill(ConsumerConfig *config, const Options *options, Error *error)
{
	consumer_config_target(config, options);
	return required(options, "kafka.bootstrap.servers",
					"OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS=host:port", error) &&
		   required(options, "consumer.group", "OUTBOX_CONSUMER_CONSUMER_GROUP=reports", error) &&
		   instance_id_is_legal(options, error) &&
		   dead_letter_topic(config->dead_letter_pattern, config->group, config->dead_letter_topic,
							 error) &&
		   in_order(options, "retry.min", "retry.max", error) &&
		   in_order(options, "reconnect.min", "reconnect.max", error) &&
		   in_order(options, "batch.statement_timeout", "batch.timeout", error) &&
		   rates_can_be_reached(config, error);
}
