/*
 * main.c
 *	  outbox-relay: commands, loop, exit status.  The only file that exits.
 */
#include "command_line.h"
#include "exit_codes.h"
#include "http.h"
#include "kafka_conf.h"
#include "kafka_probe.h"
#include "log.h"
#include "notify.h"
#include "pg_link.h"
#include "pg_status.h"
#include "process.h"
#include "relay.h"
#include "relay_metrics.h"
#include "stats.h"
#include "tail_check.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_TEXT_SIZE 320
#define KAFKA_PROBE_MS 3000

static int
fail(const Error *error)
{
	log_error(LOG_LEVEL_ERROR, error, NULL);
	if (error->error_class == ERROR_CLASS_TRANSIENT)
		return EXIT_BUG; /* a command that is done once: the caller may try again */
	return error->exit_code != EXIT_OK ? error->exit_code : EXIT_BUG;
}

static void
say(bool warning, const char *text, void *arg)
{
	(void) arg;
	log_event(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text, NULL);
}

/* Without a manager to be told the program runs all the same. */
static void
find_manager(Notifier *notifier)
{
	Error error;

	error_clear(&error);
	if (!notify_init(notifier, &error))
		log_error(LOG_LEVEL_WARNING, &error, NULL);
}

static void
tell_manager(Notifier *notifier, const Relay *relay, MonoUsec now, MonoUsec *wake_at)
{
	char line[STATS_LINE_SIZE];
	RelayStatus status;

	if (notifier->fd < 0)
		return;
	relay_describe(relay, now, clock_pg(), &status);
	stats_line(&status, line);
	if (relay_is_stopping(relay))
		notify_stopping(notifier);
	notify_turn(notifier, status.ready, line, now);
	if (notify_wake_at(notifier) < *wake_at)
		*wake_at = notify_wake_at(notifier);
}

static void
take_signals(Poller *poller, Relay *relay, MonoUsec now)
{
	int stops = poller_take_signal(poller, SIGTERM) + poller_take_signal(poller, SIGINT);

	while (stops-- > 0)
		relay_stop(relay, now);
	if (poller_take_signal(poller, SIGHUP) > 0)
		log_event(LOG_LEVEL_WARNING, "no setting can be reloaded yet: restart to change one", NULL);
}

static void
serve(HttpServer *http, Poller *poller, int slot, MonoUsec now, MonoUsec *wake_at)
{
	MonoUsec http_at;

	if (http == NULL)
		return;
	http_run(http);
	poller_watch(poller, slot, http_fd(http), POLLIN);
	http_at = http_wake_at(http, now);
	if (http_at < *wake_at)
		*wake_at = http_at;
}

/* The port that it is: ":0" asks for any. */
static void
log_serving(const char *listen_at, int port)
{
	const char *colon = strrchr(listen_at, ':');
	char text[LISTEN_TEXT_SIZE];

	snprintf(text, sizeof(text), "%.*s:%d", (int) (colon - listen_at), listen_at, port);
	log_event(LOG_LEVEL_INFO, "serving HTTP", "listen", text, NULL);
}

static int
run(const RelayConfig *config)
{
	Poller poller;
	Notifier notifier;
	Relay *relay;
	HttpServer *http = NULL;
	ReloadInfo reload = {.successful = true, .at = clock_wall()};
	StatsPages pages = {NULL, config->options, &reload};
	MonoUsec wake_at = 0;
	MonoUsec now;
	Error error;
	int http_slot;
	int status;

	error_clear(&error);
	if (!poller_init(&poller, &error))
		return fail(&error);
	relay = relay_create(config, &poller, clock_mono(), &error);
	if (relay == NULL)
		return fail(&error);
	pages.relay = relay;
	http_slot = poller_add(&poller);
	find_manager(&notifier);
	if (*config->http_listen != '\0')
	{
		http = http_start(config->http_listen, stats_serve, &pages, &error);
		if (http == NULL)
		{
			relay_free(relay);
			return fail(&error);
		}
		log_serving(config->http_listen, http_port(http));
	}
	for (;;)
	{
		now = clock_mono();
		take_signals(&poller, relay, now);
		if (!relay_step(relay, now, clock_pg(), &wake_at))
			break;
		serve(http, &poller, http_slot, now, &wake_at);
		tell_manager(&notifier, relay, now, &wake_at);
		poller_wait(&poller, now, wake_at);
	}
	status = relay_exit_code(relay);
	if (status != EXIT_OK)
		log_error(LOG_LEVEL_ERROR, relay_error(relay), NULL);
	else
		log_event(LOG_LEVEL_INFO, "stopped", NULL);
	notify_close(&notifier);
	http_stop(http);
	relay_free(relay);
	poller_free(&poller);
	return status;
}

static void
start_log(const Options *options)
{
	LogLevel level = LOG_LEVEL_INFO;
	LogFormat format = LOG_FORMAT_AUTO;

	if (log_level_parse(options_text(options, "log.level"), &level) &&
		log_format_parse(options_text(options, "log.format"), &format))
		log_init("relay", level, format);
}

static void
warn(const char *text, void *arg)
{
	(void) arg;
	log_event(LOG_LEVEL_WARNING, text, NULL);
}

/* What init makes lies in PostgreSQL alone, but whoever runs it wants to know. */
static int
init(const RelayConfig *config, InitRequest *request)
{
	TailCheck tail = {.needed = false};
	Error error;

	error_clear(&error);
	if (request->accept_gap && !tail_check(config, &tail, &error))
	{
		if (tail.needed)
			return fail(&error);
		log_error(LOG_LEVEL_WARNING, &error, NULL);
		error_clear(&error);
	}
	request->kafka_is_ahead = tail.ahead;
	request->kafka_generation = tail.generation;
	if (!pg_init_run(config, request, say, NULL, &error))
		return fail(&error);
	if (!kafka_probe(config, KAFKA_PROBE_MS, &error))
	{
		if (error.hint[0] == '\0')
			error_hint(&error, "outbox-relay run waits until it does. Is "
							   "\"kafka.bootstrap.servers\" right?");
		log_error(LOG_LEVEL_WARNING, &error, "servers",
				  options_text(config->options, "kafka.bootstrap.servers"), NULL);
	}
	return EXIT_OK;
}

static int
replay(const RelayConfig *config, ReplayRequest *request)
{
	Error error;

	error_clear(&error);
	return replay_run(config, request, stdout, say, NULL, &error) ? EXIT_OK : fail(&error);
}

static int
verify(const RelayConfig *config, const VerifyRequest *request)
{
	bool equal;
	Error error;

	error_clear(&error);
	if (!verify_run(config, request, stdout, &equal, &error))
		return fail(&error);
	return equal ? EXIT_OK : 1;
}

static int
repartition(const RelayConfig *config, const RepartitionRequest *request)
{
	Error error;

	error_clear(&error);
	return repartition_run(config, request, stdout, say, NULL, &error) ? EXIT_OK : fail(&error);
}

static int
teardown(const RelayConfig *config, const TeardownRequest *request)
{
	Error error;

	error_clear(&error);
	return pg_teardown_run(config, request, say, NULL, &error) ? EXIT_OK : fail(&error);
}

static int
status(const RelayConfig *config, bool json)
{
	SlotStatus found;
	Error error;

	error_clear(&error);
	if (!pg_status_read(config, &found, &error))
		return fail(&error);
	status_report(&found, json, stdout);
	return EXIT_OK;
}

/* The commands that look at the settings. */
static int
act(Command command, const Options *options, Requests *requests)
{
	RelayConfig config;
	Error error;

	error_clear(&error);
	if (command == COMMAND_PRINT_CONFIG)
	{
		options_print_config(options, stdout);
		return EXIT_OK;
	}
	if (!relay_config_fill(&config, options, &error) ||
		!pg_link_check_conninfo(config.conninfo, &error) || !kafka_conf_check(&config, &error))
		return fail(&error);
	switch (command)
	{
		case COMMAND_INIT:
			return init(&config, &requests->init);
		case COMMAND_PEEK:
			return peek_run(&config, &requests->peek, stdout, &error) ? EXIT_OK : fail(&error);
		case COMMAND_REPLAY:
			return replay(&config, &requests->replay);
		case COMMAND_VERIFY:
			return verify(&config, &requests->verify);
		case COMMAND_REPARTITION:
			return repartition(&config, &requests->repartition);
		case COMMAND_TEARDOWN:
			return teardown(&config, &requests->teardown);
		case COMMAND_DOCTOR:
			return doctor_run(&config, &requests->doctor, stdout);
		case COMMAND_STATUS:
			return status(&config, requests->status_json);
		case COMMAND_RUN:
			return run(&config);
		default:
			printf("the configuration is fine\n");
			return EXIT_OK;
	}
}

int
main(int argc, char **argv)
{
	Requests requests = {.init = {.existing = EXISTING_PUBLISH}};
	Command command = COMMAND_NONE;
	Options *options;
	Error error;
	int status;

	error_clear(&error);
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	options = options_create(&relay_option_table);
	if (options == NULL)
		return EXIT_BUG;
	if (!options_load(options, &argc, argv, environ, &requests.doctor.config_file, &error) ||
		!command_line_read(argc, argv, &command, &requests, &error))
	{
		status = fail(&error);
		options_free(options);
		return status;
	}
	start_log(options);
	options_warn(options, warn, NULL);
	status = EXIT_OK;
	switch (command)
	{
		case COMMAND_HELP:
			command_line_help();
			break;
		case COMMAND_VERSION:
			printf("outbox-relay %s (librdkafka %s)\n", OUTBOX_VERSION, kafka_library_version());
			break;
		case COMMAND_PRINT_SAMPLE:
			options_print_sample(&relay_option_table, stdout);
			break;
		case COMMAND_PRINT_METRICS:
			metrics_print_markdown(relay_metrics, true, stdout);
			metrics_print_markdown(process_metrics, false, stdout);
			break;
		case COMMAND_PRINT_MARKDOWN:
			options_print_markdown(&relay_option_table, stdout);
			break;
		case COMMAND_NONE:
			error_permanent(&error, EXIT_CONFIG, "no command was given");
			error_hint(&error, "Try outbox-relay run, or outbox-relay --help.");
			status = fail(&error);
			break;
		default:
			status = act(command, options, &requests);
			break;
	}
	options_free(options);
	return status;
}
