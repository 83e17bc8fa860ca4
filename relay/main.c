/*
 * main.c
 *	  outbox-relay: commands, exit status.  The only file that exits; daemon.c has the loop.
 */
#include "command_line.h"
#include "core_dump.h"
#include "daemon.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "kafka_conf.h"
#include "kafka_probe.h"
#include "log.h"
#include "pg_conninfo.h"
#include "pg_status.h"
#include "process.h"
#include "relay.h"
#include "relay_metrics.h"
#include "tail_check.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	VerifyVerdict verdict;
	Error error;

	error_clear(&error);
	if (!verify_run(config, request, stdout, &verdict, &error))
		return fail(&error);
	if (verdict == VERIFY_DOUBLED)
		return EXIT_DOUBLED;
	return verdict == VERIFY_EQUAL ? EXIT_OK : 1;
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

/* Who only asks the database needs no setting for Kafka. */
static bool
check_config(RelayConfig *config, Command command, const Options *options, Error *error)
{
	if (command == COMMAND_STATUS || command == COMMAND_TEARDOWN)
		return relay_config_fill_database(config, options, error) &&
			   pg_conninfo_check(options, "postgres", error);
	return relay_config_fill(config, options, error) &&
		   pg_conninfo_check(options, "postgres", error) &&
		   /* To doctor it is one finding of many. */
		   (command == COMMAND_DOCTOR || kafka_conf_check(config, error));
}

/* The commands that look at the settings. */
static int
act(Command command, Options *options, const ConfigSource *source, Requests *requests)
{
	RelayConfig config;
	Error error;

	error_clear(&error);
	if (command == COMMAND_PRINT_CONFIG)
	{
		options_print_config(options, stdout);
		return EXIT_OK;
	}
	if (!check_config(&config, command, options, &error))
		return fail(&error);
	switch (command)
	{
		case COMMAND_INIT:
			return init(&config, &requests->init);
		case COMMAND_PEEK:
			return peek_run(&config, &requests->peek, stdout, say, NULL, &error) ? EXIT_OK
																				 : fail(&error);
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
			return daemon_run(&config, options, source);
		default:
			printf("the configuration is fine\n");
			return EXIT_OK;
	}
}

int
main(int argc, char **argv)
{
	Requests requests = {.init = {.existing = EXISTING_PUBLISH},
						 .verify = {.limit = VERIFY_LIMIT_DEFAULT}};
	Command command = COMMAND_NONE;
	ConfigSource source = {0};
	Options *options;
	Error error;
	int status;

	/* Before a secret is read. */
	core_dump_forbid();
	error_clear(&error);
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	if (failpoints_listed(argc, argv))
		return EXIT_OK;
	if (!failpoints_arm(&error))
		return fail(&error);
	options = options_create(&relay_option_table);
	if (options == NULL || !config_source_keep(&source, argc, argv))
		return EXIT_BUG;
	if (!options_load(options, &argc, argv, environ, &requests.doctor.config_file, &error) ||
		!command_line_read(argc, argv, &command, &requests, &error))
	{
		status = fail(&error);
		options_free(options);
		config_source_free(&source);
		return status;
	}
	if (options_bool(options, "process.core_dumps"))
		core_dump_allow();
	daemon_start_log(options);
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
			status = act(command, options, &source, &requests);
			break;
	}
	options_free(options);
	config_source_free(&source);
	return status;
}
