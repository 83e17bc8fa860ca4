/*
 * relay_options.c
 *	  The settings of outbox-relay: the table, and the values as numbers.
 *
 * Refuses Kafka properties that carry a guarantee, wherever they were set, a
 * slot name that the server would refuse, and reconnect delays the wrong way
 * round.
 */
#include "relay_options.h"

#include "clock.h"
#include "exit_codes.h"
#include "route.h"

#include <string.h>

#define SLOT_NAME_MAX 63

static const OptionSpec relay_specs[] = {
	{"delivery", OPTION_ENUM, "at-least-once", 0, 0, "at-least-once|exactly-once", "", 0,
	 "at-least-once: what a crash leaves in doubt is sent again. exactly-once: events go in Kafka "
	 "transactions that hold whole PostgreSQL transactions and the position that they come to; who "
	 "reads with isolation.level=read_committed sees each once."},
	{"postgres.conninfo", OPTION_TEXT, "", 0, 0, NULL, "", OPTION_CONNINFO | OPTION_RELOADABLE,
	 "How to reach the source database: a libpq connection string or URI. Empty: libpq's own "
	 "environment, service file and password file decide."},
	{"postgres.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET,
	 "The password, when postgres.conninfo has none; best as postgres.password_file."},
	{"postgres.slot", OPTION_TEXT, "pg_outbox", 0, 0, NULL, "", 0,
	 "The replication slot, and the name of the registration in outbox.relay."},
	{"postgres.publication", OPTION_TEXT, "pg_outbox", 0, 0, NULL, "", 0,
	 "The publication of outbox.event."},
	{"kafka.bootstrap.servers", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_RELOADABLE,
	 "Brokers to start from, as host:port,host:port ([::1]:9092). Required. Any other librdkafka "
	 "property can "
	 "be set in the same way, but for those that carry the guarantees."},
	{"message.profile", OPTION_ENUM, "debezium", 0, 0, "debezium|cloudevents", "", 0,
	 "The headers of a record: \"id\" and \"type\", or those of CloudEvents 1.0 in binary mode."},
	{"message.source", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "The header \"ce_source\" of the profile cloudevents, a URI reference; empty: "
	 "/pg_outbox/ and the source id."},
	{"route.by.field", OPTION_TEXT, "aggregatetype", 0, 0, NULL, "", 0,
	 "The field that makes the topic: aggregatetype, aggregateid, type, id or a member of "
	 "headers."},
	{"route.topic.regex", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "In place of topics.pattern: matches the whole value of route.by.field. Empty: "
	 "any value matches, as the group routedByValue."},
	{"route.topic.replacement", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "The topic, with $1 or ${name} for groups of route.topic.regex. Empty: "
	 "outbox.event.${routedByValue} when an expression is set."},
	{"route.topic.unmatched", OPTION_ENUM, "error", 0, 0, "error|value", "", 0,
	 "A value that route.topic.regex doesn't match: the event is poison, or the value is the "
	 "topic."},
	{"route.tombstone.on.empty.payload", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "Send a tombstone for a payload that is null or white space, in an envelope as well."},
	{"table.field.event.key", OPTION_TEXT, "aggregateid", 0, 0, NULL, "", 0,
	 "The field that is the key."},
	{"table.field.event.timestamp", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "The member of headers that is the timestamp: milliseconds since 1970, or ISO 8601. Empty: "
	 "the commit time. Kafka's retention goes by it: a topic takes away at once what is older than "
	 "its retention.ms."},
	{"table.fields.additional.placement", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "Where further fields go: field:header, field:envelope or field:partition, with :alias for "
	 "another name, separated by commas."},
	{"table.field.additional.missing", OPTION_ENUM, "error", 0, 0, "error|ignore", "", 0,
	 "A member of headers that a setting names and an event lacks: the event is poison, or goes "
	 "without it."},
	{"table.expand.json.payload", OPTION_ENUM, "off", 0, 0, "off|on|verbatim|false|true", "", 0,
	 "Off: the payload is text. On (true): JSON without white space and what the next two drop. "
	 "Verbatim: JSON in an envelope, to the byte as it was written."},
	{"table.json.payload.null.behavior", OPTION_ENUM, "ignore", 0, 0, "ignore|optional_bytes", "",
	 0, "Members that are null, with table.expand.json.payload on: dropped, or kept."},
	{"table.json.payload.empty.array.behavior", OPTION_ENUM, "ignore", 0, 0,
	 "ignore|optional_string", "", 0,
	 "Members that are empty arrays, with table.expand.json.payload on: dropped, or kept."},
	{"topics.pattern", OPTION_TEXT, ROUTE_PATTERN_DEFAULT, 0, 0, NULL, "", 0,
	 "The topic of an event. {routedByValue} stands for the value of route.by.field; "
	 "{aggregatetype} is the same when that is the field."},
	{"topics.create", OPTION_BOOL, "on", 0, 0, NULL, "", OPTION_RELOADABLE,
	 "Make a topic that is missing when its first event comes. Off: such an event is poison."},
	{"topics.partitions", OPTION_INT, "3", 1, 10000, NULL, "", OPTION_RELOADABLE,
	 "Partitions of a topic that is made."},
	{"topics.replication_factor", OPTION_INT, "-1", -1, 100, NULL, "", OPTION_RELOADABLE,
	 "Replicas of a topic that is made; -1: the broker's default."},
	{"transaction.id", OPTION_TEXT, "", 0, 0, NULL, "", 0,
	 "The transactional.id of delivery = exactly-once: a relay that starts with it fences off the "
	 "one before. Empty: pg_outbox.<source id>.<slot>."},
	{"transaction.timeout", OPTION_DURATION, "60s", 1000, 86400000, NULL, "ms", 0,
	 "After this long Kafka gives up an open transaction (transaction.timeout.ms). A PostgreSQL "
	 "transaction that takes more than half of it to publish is split."},
	{"transaction.linger", OPTION_DURATION, "5ms", 0, 60000, NULL, "ms", 0,
	 "A Kafka transaction is committed when nothing more was there to read for this long; by a "
	 "relay "
	 "that isn't behind so long after it was begun, as soon as nothing is there to read."},
	{"transaction.interval", OPTION_DURATION, "500ms", 1, 3600000, NULL, "ms", 0,
	 "At most this long a Kafka transaction takes up further PostgreSQL transactions."},
	{"transaction.events", OPTION_INT, "50000", 1, 4194304, NULL, "events", 0,
	 "From this many events on a Kafka transaction takes up no further PostgreSQL transaction."},
	{"transaction.bytes", OPTION_BYTES, "64MB", 1024, INT64_C(1099511627776), NULL, "bytes", 0,
	 "From this many bytes on a Kafka transaction takes up no further PostgreSQL transaction."},
	{"transaction.split.events", OPTION_INT, "0", 0, INT64_C(1000000000000), NULL, "events", 0,
	 "A PostgreSQL transaction with more events than this is published in several Kafka "
	 "transactions; 0: only one that takes too long is."},
	{"transaction.position.topic", OPTION_TEXT, "outbox.position", 0, 0, NULL, "", 0,
	 "The compacted topic with the position of each relay, written in its Kafka transactions."},
	{"poison.policy", OPTION_ENUM, "stop", 0, 0, "stop|dead-letter", "", 0,
	 "What becomes of an event that can never be published: too large, a topic that is forbidden, "
	 "unknown (with topics.create off) or has no legal name, headers that can't be made, a field "
	 "that a setting needs and that is missing or unfit, a row or a message that is no event. "
	 "stop: the relay ends with status 15 (17 for a message). dead-letter: it goes to "
	 "outbox.dead_letter, and the stream goes on."},
	{"window.events", OPTION_INT, "65536", 1, 4194304, NULL, "events", OPTION_RELOADABLE,
	 "At most this many events are in flight to Kafka."},
	{"window.bytes", OPTION_BYTES, "16MB", 1024, INT64_C(4294967296), NULL, "bytes",
	 OPTION_RELOADABLE,
	 "At most this many bytes are in flight to Kafka; one larger event passes alone."},
	{"window.transactions", OPTION_INT, "65536", 1, 4194304, NULL, "transactions",
	 OPTION_RELOADABLE, "At most this many transactions are in flight to Kafka."},
	{"mark.interval", OPTION_DURATION, "1s", 10, 3600000, NULL, "ms", OPTION_RELOADABLE,
	 "At most this often the position up to which Kafka has everything is committed to "
	 "outbox.relay. PostgreSQL may drop WAL only behind it."},
	{"mark.idle_bytes", OPTION_BYTES, "1MB", 65536, INT64_C(1099511627776), NULL, "bytes",
	 OPTION_RELOADABLE,
	 "Without events, a mark is written when this much WAL of others lies behind the last one."},
	{"heartbeat.interval", OPTION_DURATION, "10s", 100, 3600000, NULL, "ms", OPTION_RELOADABLE,
	 "At most this often, and only after events, a heartbeat goes through the WAL. It records "
	 "what a lost slot could have missed."},
	{"maintain.interval", OPTION_DURATION, "60s", 0, 86400000, NULL, "ms", OPTION_RELOADABLE,
	 "How often outbox.maintain() is called; 0: never."},
	{"feedback.interval", OPTION_DURATION, "10s", 100, 3600000, NULL, "ms", OPTION_RELOADABLE,
	 "How often the server hears from the relay when there is nothing new. A quarter of "
	 "wal_sender_timeout if that is less."},
	{"gather.interval", OPTION_DURATION, "4ms", 0, 100, NULL, "ms", OPTION_RELOADABLE,
	 "So long at a time a stream that brings more than some 2,000 transactions a second is left "
	 "alone, so that what comes goes to Kafka together. 0: not at all. A slower one never waits."},
	{"drain.timeout", OPTION_DURATION, "30s", 0, 3600000, NULL, "ms", OPTION_RELOADABLE,
	 "After SIGTERM, wait at most this long for what is in flight, and for the rest of a "
	 "transaction "
	 "that was begun."},
	{"reconnect.min", OPTION_DURATION, "100ms", 1, 600000, NULL, "ms", OPTION_RELOADABLE,
	 "The first delay before a lost connection is tried again."},
	{"reconnect.max", OPTION_DURATION, "30s", 1, 3600000, NULL, "ms", OPTION_RELOADABLE,
	 "The longest such delay."},
	{"http.listen", OPTION_TEXT, "127.0.0.1:9187", 0, 0, NULL, "", OPTION_RELOADABLE,
	 "Where /healthz, /readyz, /status and /metrics are served; empty: nowhere."},
	{"log.level", OPTION_ENUM, "info", 0, 0, "debug|info|warning|error", "", OPTION_RELOADABLE,
	 "What is logged."},
	{"log.format", OPTION_ENUM, "auto", 0, 0, "auto|text|json", "", OPTION_RELOADABLE,
	 "auto: text on a terminal, JSON elsewhere."},
	{"process.core_dumps", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "off: a crash leaves no core file, and nobody but root reads the memory and the environment "
	 "of "
	 "this process: passwords and events are in both. on: as the system has it, for debugging."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL}};

const OptionTable relay_option_table = {.program = "outbox-relay",
										.env_prefix = "OUTBOX_RELAY",
										.passthrough = "kafka.",
										.passthrough_reloadable = true,
										.section_kind = NULL,
										.specs = relay_specs};

/* Synonyms of librdkafka included. */
static const char *const owned_properties[] = {"enable.idempotence",
											   "enable.gapless.guarantee",
											   "acks",
											   "request.required.acks",
											   "message.timeout.ms",
											   "delivery.timeout.ms",
											   "max.in.flight",
											   "max.in.flight.requests.per.connection",
											   "retries",
											   "message.send.max.retries",
											   "transactional.id",
											   "transaction.timeout.ms",
											   "partitioner",
											   "queuing.strategy",
											   "delivery.report.only.error",
											   "log.queue",
											   "enabled_events",
											   "enable.partition.eof",
											   "enable.auto.commit",
											   "auto.offset.reset",
											   "group.id",
											   "isolation.level",
											   NULL};

bool
relay_owns_kafka_property(const char *name)
{
	for (int i = 0; owned_properties[i] != NULL; i++)
	{
		if (strcmp(name, owned_properties[i]) == 0)
			return true;
	}
	return false;
}

bool
relay_slot_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return name[len] == '\0' && len >= 1 && len <= SLOT_NAME_MAX;
}

static bool
refuse_owned(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	(void) value;
	(void) arg;
	if (!relay_owns_kafka_property(name))
		return true;
	error_permanent(error, EXIT_CONFIG, "%s: \"kafka.%s\" can't be set", origin, name);
	return error_hint(error, "The relay sets it itself, because its guarantees rest on it.");
}

/* Stops at a property that was meant to be "bootstrap.servers". */
static bool
is_not_meant(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	(void) value;
	(void) arg;
	if (options_misspelling(name, "bootstrap.servers") == SIZE_MAX)
		return true;
	return error_hint(error, "Did you mean it by \"kafka.%s\" (%s)?", name, origin);
}

static int64_t
duration_usec(const Options *options, const char *name)
{
	return options_int(options, name) * USEC_PER_MS;
}

static JsonExpansion
expansion_of(const Options *options)
{
	static const JsonExpansion expansions[] = {EXPAND_OFF, EXPAND_COMPACT, EXPAND_VERBATIM,
											   EXPAND_OFF, EXPAND_COMPACT};

	return expansions[options_enum(options, "table.expand.json.payload")];
}

static RouteSettings
route_settings(const Options *options)
{
	return (RouteSettings){
		.profile =
			options_enum(options, "message.profile") == 1 ? PROFILE_CLOUDEVENTS : PROFILE_DEBEZIUM,
		.source = options_text(options, "message.source"),
		.topic_pattern = options_text(options, "topics.pattern"),
		.by_field = options_text(options, "route.by.field"),
		.regex = options_text(options, "route.topic.regex"),
		.replacement = options_text(options, "route.topic.replacement"),
		.unmatched_is_topic = options_enum(options, "route.topic.unmatched") == 1,
		.key = options_text(options, "table.field.event.key"),
		.timestamp = options_text(options, "table.field.event.timestamp"),
		.placement = options_text(options, "table.fields.additional.placement"),
		.ignore_missing = options_enum(options, "table.field.additional.missing") == 1,
		.tombstone_on_empty = options_bool(options, "route.tombstone.on.empty.payload"),
		.expansion = expansion_of(options),
		.keep_nulls = options_enum(options, "table.json.payload.null.behavior") == 1,
		.keep_empty_arrays = options_enum(options, "table.json.payload.empty.array.behavior") == 1,
	};
}

/* What the router would say, before anything is connected. */
static bool
check_route(const RelayConfig *config, Error *error)
{
	const char *option;
	Error reason;

	error_clear(&reason);
	if (route_settings_check(&config->route, &option, &reason))
		return true;
	if (reason.error_class != ERROR_CLASS_PERMANENT)
	{
		*error = reason;
		return false;
	}
	error_permanent(error, EXIT_CONFIG, "%s: \"%s\" can't be used: %s",
					options_origin(config->options, option), option, reason.message);
	if (reason.hint[0] != '\0')
		error_hint(error, "%s", reason.hint);
	return false;
}

static bool
check_transactions(const RelayConfig *config, Error *error)
{
	const char *topic = config->position_topic;

	if (!topic_name_valid(topic, strlen(topic)))
		return error_permanent(
			error, EXIT_CONFIG, "%s: \"transaction.position.topic\" is no name of a topic: \"%s\"",
			options_origin(config->options, "transaction.position.topic"), topic);
	if (config->transaction_interval_usec > config->transaction_timeout_ms * USEC_PER_MS / 2)
		return error_permanent(
			error, EXIT_CONFIG,
			"\"transaction.interval\" is longer than half of \"transaction.timeout\"");
	return true;
}

static bool
check_servers(const Options *options, Error *error)
{
	const char *servers = options_text(options, "kafka.bootstrap.servers");

	if (servers != NULL && *servers != '\0')
		return true;
	error_permanent(error, EXIT_CONFIG, "\"kafka.bootstrap.servers\" isn't set");
	if (!options_each_passthrough(options, is_not_meant, NULL, error))
		return false;
	return error_hint(error, "Set OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS=host:port, for "
							 "example, give --kafka-bootstrap-servers, or write bootstrap.servers "
							 "below [kafka] into the file of --config.");
}

static bool
fill(RelayConfig *config, const Options *options, bool kafka, Error *error)
{
	*config = (RelayConfig){
		.options = options,
		.conninfo = options_conninfo(options, "postgres.conninfo"),
		.slot = options_text(options, "postgres.slot"),
		.publication = options_text(options, "postgres.publication"),
		.route = route_settings(options),
		.create_topics = options_bool(options, "topics.create"),
		.topic_partitions = (int) options_int(options, "topics.partitions"),
		.topic_replication_factor = (int) options_int(options, "topics.replication_factor"),
		.poison_policy = (PoisonPolicy) options_enum(options, "poison.policy"),
		.exactly_once = options_enum(options, "delivery") == 1,
		.transaction_id = options_text(options, "transaction.id"),
		.position_topic = options_text(options, "transaction.position.topic"),
		.transaction_timeout_ms = options_int(options, "transaction.timeout"),
		.transaction_linger_usec = duration_usec(options, "transaction.linger"),
		.transaction_interval_usec = duration_usec(options, "transaction.interval"),
		.transaction_events = (uint64_t) options_int(options, "transaction.events"),
		.transaction_bytes = (uint64_t) options_int(options, "transaction.bytes"),
		.transaction_split_events = (uint64_t) options_int(options, "transaction.split.events"),
		.window_events = (uint32_t) options_int(options, "window.events"),
		.window_transactions = (uint32_t) options_int(options, "window.transactions"),
		.window_bytes = (uint64_t) options_int(options, "window.bytes"),
		.mark_interval_usec = duration_usec(options, "mark.interval"),
		.mark_idle_bytes = (uint64_t) options_int(options, "mark.idle_bytes"),
		.heartbeat_interval_usec = duration_usec(options, "heartbeat.interval"),
		.maintain_interval_usec = duration_usec(options, "maintain.interval"),
		.feedback_interval_usec = duration_usec(options, "feedback.interval"),
		.gather_interval_usec = duration_usec(options, "gather.interval"),
		.drain_timeout_usec = duration_usec(options, "drain.timeout"),
		.reconnect_min_usec = duration_usec(options, "reconnect.min"),
		.reconnect_max_usec = duration_usec(options, "reconnect.max"),
		.http_listen = options_text(options, "http.listen"),
	};
	if (!options_each_passthrough(options, refuse_owned, NULL, error))
		return false;
	if (kafka && !check_servers(options, error))
		return false;
	if (!relay_slot_name_valid(config->slot))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid slot name \"%s\"",
						options_origin(options, "postgres.slot"), config->slot);
		return error_hint(error, "A slot name has 1 to 63 lower-case letters, digits and "
								 "underscores.");
	}
	if (*config->publication == '\0' || strlen(config->publication) > SLOT_NAME_MAX)
		return error_permanent(error, EXIT_CONFIG, "%s: invalid publication name \"%s\"",
							   options_origin(options, "postgres.publication"),
							   config->publication);
	if (!check_route(config, error))
		return false;
	if (config->reconnect_min_usec > config->reconnect_max_usec)
		return error_permanent(error, EXIT_CONFIG,
							   "\"reconnect.min\" is longer than \"reconnect.max\"");
	return check_transactions(config, error);
}

bool
relay_config_fill(RelayConfig *config, const Options *options, Error *error)
{
	return fill(config, options, true, error);
}

bool
relay_config_fill_database(RelayConfig *config, const Options *options, Error *error)
{
	return fill(config, options, false, error);
}
