/*
 * ingest_options.c
 *	  The table of the ingest server's settings; read and written.
 *
 * Refuses modes without an address that they need.
 */
#include "ingest_options.h"

#include "clock.h"
#include "exit_codes.h"

#define DURATION(name, help)                                                                       \
	{                                                                                              \
		name, OPTION_DURATION, "1s", 1, 86400000, NULL, "ms", 0, help                              \
	}

static const OptionSpec ingest_specs[] = {
	{"listen.port", OPTION_INT, "0", 0, 65535, NULL, "", 0,
	 "The port at 127.0.0.1; 0: a free one."},
	{"modes", OPTION_TEXT, "direct", 0, 0, NULL, "", 0, "The paths that requests can take."},
	{"target.conninfo", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_CONNINFO,
	 "How to reach the target database."},
	{"source.conninfo", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_CONNINFO,
	 "How to reach the source database."},
	{"kafka.bootstrap_servers", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "How to reach Kafka."},
	{"http.threads", OPTION_INT, "2", 1, 64, NULL, "", 0, "Threads of the HTTP server."},
	{"pool.size", OPTION_INT, "8", 1, 64, NULL, "", 0, "Connections of each mode's pool."},
	{"pool.queue", OPTION_INT, "64", 1, 100000, NULL, "", 0,
	 "Requests that may wait for a connection."},
	DURATION("pool.wait", "How long a request waits for a connection."),
	DURATION("timeout.connect", "For a connection to a database."),
	DURATION("timeout.statement", "For each statement, at the client and at the server."),
	DURATION("timeout.tcp_user", "For sent bytes that nobody acknowledges."),
	DURATION("timeout.client", "A client's patience: retries end before it does."),
	DURATION("reconnect.min", "The first delay before a lost connection is tried again."),
	DURATION("reconnect.max", "The longest such delay."),
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL}};

const OptionTable ingest_option_table = {.program = "outbox-compare ingest",
										 .env_prefix = "OUTBOX_INGEST",
										 .passthrough = NULL,
										 .section_kind = NULL,
										 .specs = ingest_specs};

static int64_t
duration_of(const Options *options, const char *name)
{
	return options_int(options, name) * USEC_PER_MS;
}

static bool
require(const char *value, bool needed, const char *name, Error *error)
{
	if (value != NULL || !needed)
		return true;
	return error_permanent(error, EXIT_CONFIG, "\"%s\" is not set, and a mode needs it", name);
}

void
ingest_limits_fill(IngestLimits *limits, const Options *options)
{
	*limits = (IngestLimits){.http_threads = (int) options_int(options, "http.threads"),
							 .pool_size = (int) options_int(options, "pool.size"),
							 .pool_queue = (int) options_int(options, "pool.queue"),
							 .pool_wait_usec = duration_of(options, "pool.wait"),
							 .connect_timeout_usec = duration_of(options, "timeout.connect"),
							 .statement_timeout_usec = duration_of(options, "timeout.statement"),
							 .tcp_user_timeout_usec = duration_of(options, "timeout.tcp_user"),
							 .client_timeout_usec = duration_of(options, "timeout.client"),
							 .reconnect_min_usec = duration_of(options, "reconnect.min"),
							 .reconnect_max_usec = duration_of(options, "reconnect.max")};
}

bool
ingest_settings_fill(IngestSettings *settings, const Options *options, Error *error)
{
	*settings = (IngestSettings){
		.port = (int) options_int(options, "listen.port"),
		.target_conninfo = options_text(options, "target.conninfo"),
		.source_conninfo = options_text(options, "source.conninfo"),
		.brokers = options_text(options, "kafka.bootstrap_servers"),
	};
	ingest_limits_fill(&settings->limits, options);
	if (!mode_parse_list(options_text(options, "modes"), settings->modes))
		return error_permanent(error, EXIT_CONFIG, "%s: invalid modes \"%s\"",
							   options_origin(options, "modes"), options_text(options, "modes"));
	return require(settings->target_conninfo, mode_any(settings->modes, mode_writes_target),
				   "target.conninfo", error) &&
		   require(settings->source_conninfo, mode_any(settings->modes, mode_writes_source),
				   "source.conninfo", error) &&
		   require(settings->brokers, mode_any(settings->modes, mode_produces),
				   "kafka.bootstrap_servers", error);
}

static void
write_text(Buffer *text, const char *name, const char *value)
{
	if (value != NULL)
		buffer_printf(text, "%s = %s\n", name, value);
}

static void
write_duration(Buffer *text, const char *name, int64_t usec)
{
	buffer_printf(text, "%s = %lldms\n", name, (long long) (usec / USEC_PER_MS));
}

void
ingest_settings_write(const IngestSettings *settings, Buffer *text)
{
	const IngestLimits *limits = &settings->limits;
	char modes[MODE_LIST_SIZE];

	mode_format_list(settings->modes, modes, sizeof(modes));
	buffer_printf(text, "listen.port = %d\n", settings->port);
	write_text(text, "modes", modes);
	write_text(text, "target.conninfo", settings->target_conninfo);
	write_text(text, "source.conninfo", settings->source_conninfo);
	write_text(text, "kafka.bootstrap_servers", settings->brokers);
	buffer_printf(text, "http.threads = %d\npool.size = %d\npool.queue = %d\n",
				  limits->http_threads, limits->pool_size, limits->pool_queue);
	write_duration(text, "pool.wait", limits->pool_wait_usec);
	write_duration(text, "timeout.connect", limits->connect_timeout_usec);
	write_duration(text, "timeout.statement", limits->statement_timeout_usec);
	write_duration(text, "timeout.tcp_user", limits->tcp_user_timeout_usec);
	write_duration(text, "timeout.client", limits->client_timeout_usec);
	write_duration(text, "reconnect.min", limits->reconnect_min_usec);
	write_duration(text, "reconnect.max", limits->reconnect_max_usec);
}
