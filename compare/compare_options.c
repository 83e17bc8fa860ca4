/*
 * compare_options.c
 *	  The table of settings, and what follows from them.
 *
 * The outage is 30 % to 70 % of the run unless it is set, and the breaker's 60 s
 * shrink with a run that is shorter than the classic 300 s.  Refuses an outage
 * outside the run and time-outs that a client would not live to see.
 */
#include "compare_options.h"

#include "clock.h"
#include "exit_codes.h"

#define SHORT_RUN_MS 60000
#define FULL_RUN_MS 300000
#define CLASSIC_RESET_MS 60000

static const OptionSpec compare_specs[] = {
	{"rate", OPTION_INT, "50", 1, 5000, NULL, "requests/s", 0,
	 "Requests per second to each mode, whatever becomes of them."},
	{"duration", OPTION_DURATION, NULL, 1000, 86400000, NULL, "ms", 0,
	 "How long requests are sent: 60s, with --full 300s."},
	{"full", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "The classic run: 300 s, the target crashes at 90 s and is back at 210 s."},
	{"outage.start", OPTION_DURATION, NULL, 0, 86400000, NULL, "ms", 0,
	 "When the target crashes: 30 % of the duration."},
	{"outage.end", OPTION_DURATION, NULL, 0, 86400000, NULL, "ms", 0,
	 "When it is started again: 70 % of the duration. Equal to outage.start: no outage."},
	{"seed", OPTION_INT, "1", 0, INT64_MAX, NULL, "", 0,
	 "Makes arrival times, paths and request ids."},
	{"modes", OPTION_TEXT, "direct,outbox", 0, 0, NULL, "", 0,
	 "What is compared. With direct alone there is no source, no broker, no relay."},
	{"drivers", OPTION_INT, "100", 1, 10000, NULL, "", 0, "How many drivers move about."},
	{"breaker.reset", OPTION_DURATION, NULL, 100, 86400000, NULL, "ms", 0,
	 "How long the consumer's breaker stays open: 60s, scaled by duration/300s."},
	{"http.threads", OPTION_INT, "2", 1, 64, NULL, "", 0, "Threads of the HTTP server."},
	{"pool.size", OPTION_INT, "8", 1, 64, NULL, "", 0, "Connections of each mode's pool."},
	{"pool.queue", OPTION_INT, "64", 1, 100000, NULL, "", 0,
	 "Requests that may wait for a connection."},
	{"pool.wait", OPTION_DURATION, "500ms", 1, 60000, NULL, "ms", 0,
	 "How long a request waits for a connection."},
	{"timeout.connect", OPTION_DURATION, "1s", 10, 60000, NULL, "ms", 0,
	 "For a connection to a database."},
	{"timeout.statement", OPTION_DURATION, "1s", 10, 60000, NULL, "ms", 0,
	 "For each statement, at the client and at the server."},
	{"timeout.tcp_user", OPTION_DURATION, "1s", 10, 60000, NULL, "ms", 0,
	 "For sent bytes that nobody acknowledges (TCP_USER_TIMEOUT)."},
	{"timeout.client", OPTION_DURATION, "3s", 10, 60000, NULL, "ms", 0,
	 "How long a client waits for its answer, from the intended start."},
	{"reconnect.min", OPTION_DURATION, "20ms", 1, 60000, NULL, "ms", 0,
	 "The first delay before a pool tries a lost connection again."},
	{"reconnect.max", OPTION_DURATION, "200ms", 1, 60000, NULL, "ms", 0, "The longest such delay."},
	{"drain.timeout", OPTION_DURATION, "30s", 1000, 3600000, NULL, "ms", 0,
	 "After the load, how long nothing may arrive in the target before the run gives up."},
	{"dir", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "An empty directory for the servers; it is removed at the end. Unset: a new one in TMPDIR."},
	{"report", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "Where the report goes. Unset: build/compare/report.json of the tree."},
	{"keep", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "Leave the directory with data and logs behind."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL}};

const OptionTable compare_option_table = {.program = "outbox-compare",
										  .env_prefix = "OUTBOX_COMPARE",
										  .passthrough = NULL,
										  .section_kind = NULL,
										  .specs = compare_specs};

static int64_t
duration_or(const Options *options, const char *name, int64_t otherwise_ms)
{
	int64_t ms = options_text(options, name) != NULL ? options_int(options, name) : otherwise_ms;

	return ms * USEC_PER_MS;
}

static int64_t
duration_of(const Options *options, const char *name)
{
	return options_int(options, name) * USEC_PER_MS;
}

static bool
fill_times(CompareConfig *config, const Options *options, Error *error)
{
	int64_t duration_ms;

	config->duration_usec = duration_or(options, "duration",
										options_bool(options, "full") ? FULL_RUN_MS : SHORT_RUN_MS);
	duration_ms = config->duration_usec / USEC_PER_MS;
	config->outage_start_usec = duration_or(options, "outage.start", duration_ms * 3 / 10);
	config->outage_end_usec = duration_or(options, "outage.end", duration_ms * 7 / 10);
	config->breaker_reset_usec =
		duration_or(options, "breaker.reset", CLASSIC_RESET_MS * duration_ms / FULL_RUN_MS);
	config->breaker_scaled = options_text(options, "breaker.reset") == NULL;
	if (config->outage_start_usec > config->outage_end_usec ||
		config->outage_end_usec > config->duration_usec)
		return error_permanent(error, EXIT_CONFIG,
							   "the outage must start before it ends, and end within the run");
	return true;
}

bool
compare_config_fill(CompareConfig *config, const Options *options, Error *error)
{
	*config = (CompareConfig){
		.rate = (uint32_t) options_int(options, "rate"),
		.seed = (uint64_t) options_int(options, "seed"),
		.drivers = (uint32_t) options_int(options, "drivers"),
		.http_threads = (int) options_int(options, "http.threads"),
		.pool_size = (int) options_int(options, "pool.size"),
		.pool_queue = (int) options_int(options, "pool.queue"),
		.pool_wait_usec = duration_of(options, "pool.wait"),
		.connect_timeout_usec = duration_of(options, "timeout.connect"),
		.statement_timeout_usec = duration_of(options, "timeout.statement"),
		.tcp_user_timeout_usec = duration_of(options, "timeout.tcp_user"),
		.client_timeout_usec = duration_of(options, "timeout.client"),
		.reconnect_min_usec = duration_of(options, "reconnect.min"),
		.reconnect_max_usec = duration_of(options, "reconnect.max"),
		.drain_timeout_usec = duration_of(options, "drain.timeout"),
		.dir = options_text(options, "dir"),
		.report = options_text(options, "report"),
		.keep = options_bool(options, "keep"),
	};
	if (!mode_parse_list(options_text(options, "modes"), config->modes))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid modes \"%s\"",
						options_origin(options, "modes"), options_text(options, "modes"));
		return error_hint(error, "It is a list of direct, direct-retry, dual-write, kafka-first, "
								 "outbox and outbox-wal.");
	}
	if (config->pool_wait_usec + config->statement_timeout_usec > config->client_timeout_usec)
		return error_permanent(error, EXIT_CONFIG,
							   "\"timeout.client\" is shorter than a wait in the pool and one "
							   "statement");
	return fill_times(config, options, error);
}
