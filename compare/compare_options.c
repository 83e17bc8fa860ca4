/*
 * compare_options.c
 *	  The table of settings, and what follows from them.
 *
 * Refuses time-outs that a client would not live to see.
 */
#include "compare_options.h"

#include "clock.h"
#include "exit_codes.h"

#define BRIEF_USEC (20 * USEC_PER_SEC)
#define CLASSIC_RUN_MS 300000
#define CLASSIC_RESET_USEC (60 * USEC_PER_SEC)

static const OptionSpec compare_specs[] = {
	{"all", OPTION_BOOL, "off", 0, 0, NULL, "", 0, "Every scenario that comes with the program."},
	{"short", OPTION_BOOL, "off", 0, 0, NULL, "", 0, "No scenario longer than 20 s."},
	{"paths", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "What is compared: a list of direct, direct-retry, dual-write, kafka-first, outbox and "
	 "outbox-wal. Unset: all of them. Without one that goes through Kafka there is only the "
	 "target."},
	{"rate", OPTION_INT, NULL, 1, 5000, NULL, "requests/s", 0,
	 "Requests per second to each path, in place of the scenario's. Not for a ramp."},
	{"duration", OPTION_DURATION, NULL, 1000, 86400000, NULL, "ms", 0,
	 "How long requests are sent, in place of the scenario's. Its faults keep their shares."},
	{"seed", OPTION_INT, "1", 0, INT64_MAX / 2, NULL, "", 0,
	 "Makes arrival times, drivers' ways and request ids."},
	{"repeat", OPTION_INT, "1", 1, 100, NULL, "", 0,
	 "How often each scenario is run, each time with the next seed."},
	{"drivers", OPTION_INT, "100", 1, 10000, NULL, "", 0, "How many drivers move about."},
	{"breaker.reset", OPTION_DURATION, NULL, 100, 86400000, NULL, "ms", 0,
	 "How long the consumer's breaker stays open: 60s, scaled by the shortest duration/300s."},
	{"http.threads", OPTION_INT, "2", 1, 64, NULL, "", 0, "Threads of the HTTP server."},
	{"pool.size", OPTION_INT, "8", 1, 64, NULL, "", 0, "Connections of each path's pool."},
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
	{"price", OPTION_BOOL, "off", 0, 0, NULL, "", 0,
	 "With the scenario calm: each path alone as well, 10 s each, for what it costs. --all does."},
	{"live", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "Where the live page listens, such as 127.0.0.1:8088, or port 0 for one that is free. Unset: "
	 "no "
	 "page, but for serve, which has it at 127.0.0.1:8088."},
	{"dir", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "A directory for the servers that isn't there yet; it is removed at the end. Unset: a new "
	 "one in TMPDIR."},
	{"report", OPTION_TEXT, NULL, 0, 0, NULL, "", 0,
	 "Where report.json goes: a file, or a directory for it, which is there or ends with a slash. "
	 "Unset: build/compare of the tree."},
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

bool
compare_config_fill(CompareConfig *config, const Options *options, Error *error)
{
	const char *paths = options_text(options, "paths");

	*config = (CompareConfig){
		.all = options_bool(options, "all"),
		.brief = options_bool(options, "short"),
		.rate = options_text(options, "rate") != NULL ? (uint32_t) options_int(options, "rate") : 0,
		.duration_usec = duration_or(options, "duration", 0),
		.seed = (uint64_t) options_int(options, "seed"),
		.repeat = (int) options_int(options, "repeat"),
		.drivers = (uint32_t) options_int(options, "drivers"),
		.breaker_reset_usec = duration_or(options, "breaker.reset", 0),
		.drain_timeout_usec = duration_of(options, "drain.timeout"),
		.price = options_bool(options, "price") || options_bool(options, "all"),
		.live = options_text(options, "live"),
		.dir = options_text(options, "dir"),
		.report = options_text(options, "report"),
		.keep = options_bool(options, "keep"),
	};
	ingest_limits_fill(&config->limits, options);
	for (int mode = 0; mode < MODE_COUNT; mode++)
		config->modes[mode] = true;
	if (paths != NULL && !mode_parse_list(paths, config->modes))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid paths \"%s\"",
						options_origin(options, "paths"), paths);
		return error_hint(error, "It is a list of direct, direct-retry, dual-write, kafka-first, "
								 "outbox and outbox-wal.");
	}
	if (config->limits.pool_wait_usec + config->limits.statement_timeout_usec >
		config->limits.client_timeout_usec)
		return error_permanent(error, EXIT_CONFIG,
							   "\"timeout.client\" is shorter than a wait in the pool and one "
							   "statement");
	return true;
}

bool
compare_config_apply(const CompareConfig *config, Scenario *scenario, Error *error)
{
	if (config->rate > 0 && scenario->shape.form == LOAD_RAMP)
		return error_permanent(error, EXIT_CONFIG, "\"%s\" has a ramp, which --rate cannot replace",
							   scenario->name);
	if (config->rate > 0)
		scenario->rate = config->rate;
	if (config->duration_usec > 0)
		scenario_scale(scenario, config->duration_usec);
	else if (config->brief && scenario->duration_usec > BRIEF_USEC)
		scenario_scale(scenario, BRIEF_USEC);
	return true;
}

int64_t
compare_breaker_reset(const CompareConfig *config, int64_t shortest_usec)
{
	int64_t scaled = CLASSIC_RESET_USEC * (shortest_usec / USEC_PER_MS) / CLASSIC_RUN_MS;

	if (config->breaker_reset_usec > 0)
		return config->breaker_reset_usec;
	return scaled < CLASSIC_RESET_USEC ? scaled : CLASSIC_RESET_USEC;
}
