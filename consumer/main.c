/*
 * main.c
 *	  outbox-consumer: the command line, and the loop around the conductor.
 *
 * The only file that ends the process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "consumer.h"
#include "consumer_metrics.h"
#include "core_dump.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "http.h"
#include "kafka_conf.h"
#include "kafka_inbox.h"
#include "kafka_letters.h"
#include "log.h"
#include "notify.h"
#include "pg_target.h"
#include "poller.h"
#include "process.h"
#include "random.h"
#include "version.h"

typedef enum Command
{
	COMMAND_NONE,
	COMMAND_INIT,
	COMMAND_RUN,
	COMMAND_CHECK,
	COMMAND_REDRIVE,
	COMMAND_CHECK_CONFIG,
	COMMAND_PRINT_CONFIG,
	COMMAND_PRINT_SAMPLE,
	COMMAND_PRINT_MARKDOWN,
	COMMAND_PRINT_METRICS
} Command;

typedef struct Daemon
{
	ConsumerConfig config;
	Handlers handlers;
	Poller poller;
	Inbox *inbox;
	LetterSink *letters; /* NULL: none */
	Target *targets[CONSUMER_CONNECTIONS_MAX];
	int target_count;
	ServerIdentity latest; /* of the targets' servers */
	Consumer *consumer;
	HttpServer *http;
	Notifier notifier;
	int inbox_slot;
	int target_slots[CONSUMER_CONNECTIONS_MAX];
	int http_slot;
	int letters_slot;
} Daemon;

static void
print_help(void)
{
	printf("outbox-consumer applies events from Kafka to a PostgreSQL database, each once.\n\n"
		   "Usage:\n"
		   "  outbox-consumer init [OPTION]...    create outbox_inbox in the target\n"
		   "  outbox-consumer check [OPTION]...   prepare every handler against the target, and\n"
		   "                                      see whether its topics are there\n"
		   "  outbox-consumer run [OPTION]...     apply events until SIGTERM\n"
		   "  outbox-consumer redrive [OPTION]... apply dead letters of this group, each once\n"
		   "  outbox-consumer --check-config      check settings and handlers, and end\n"
		   "  outbox-consumer --print-config      print each setting and where it is from\n"
		   "  outbox-consumer --print-sample      a configuration file with every setting\n"
		   "  outbox-consumer --print-markdown    the settings as a table for the documentation\n"
		   "  outbox-consumer --print-metrics     what /metrics serves, as such a table\n"
		   "  outbox-consumer --help | --version\n\n"
		   "  --config FILE    read settings and \"[handler TOPIC]\" sections from FILE\n\n");
	options_print_help(&consumer_option_table, stdout);
}

static int
report(const Error *error)
{
	log_error(LOG_LEVEL_ERROR, error, NULL);
	/* What may pass ends a command, which tries once, with 1: the caller may try again. */
	return error->error_class == ERROR_CLASS_PERMANENT ? error->exit_code : EXIT_BUG;
}

static void
start_log(const Options *options)
{
	LogLevel level = LOG_LEVEL_INFO;
	LogFormat format = LOG_FORMAT_AUTO;

	/* The table has only values that these know. */
	(void) !log_level_parse(options_text(options, "log.level"), &level);
	(void) !log_format_parse(options_text(options, "log.format"), &format);
	log_init("consumer", level, format);
}

/* Takes the command out of argv, wherever it stands; an option wins over a word. */
static Command
take_command(int *argc, char **argv)
{
	static const struct
	{
		const char *name;
		Command command;
	} commands[] = {{"init", COMMAND_INIT},
					{"run", COMMAND_RUN},
					{"check", COMMAND_CHECK},
					{"redrive", COMMAND_REDRIVE},
					{"--check-config", COMMAND_CHECK_CONFIG},
					{"--print-config", COMMAND_PRINT_CONFIG},
					{"--print-sample", COMMAND_PRINT_SAMPLE},
					{"--print-markdown", COMMAND_PRINT_MARKDOWN},
					{"--print-metrics", COMMAND_PRINT_METRICS}};
	Command command = COMMAND_NONE;
	int kept = 1;

	for (int i = 1; i < *argc; i++)
	{
		bool found = false;

		for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]) && !found; n++)
		{
			if (strcmp(argv[i], commands[n].name) != 0 ||
				(command != COMMAND_NONE && argv[i][0] != '-'))
				continue;
			command = commands[n].command;
			found = true;
		}
		if (!found)
			argv[kept++] = argv[i];
	}
	*argc = kept;
	return command;
}

/* What is left of the command line, when that is too much. */
static void
refuse_argument(const char *argument, Command command, Error *error)
{
	static const char *const options[] = {"--check-config",
										  "--print-config",
										  "--print-sample",
										  "--config",
										  "--help",
										  "--version",
										  NULL};

	if (argument[0] != '-' && command == COMMAND_NONE)
	{
		error_permanent(error, EXIT_CONFIG, "unrecognized command \"%s\"", argument);
		error_hint(error, "It is init, check, run or redrive; see --help.");
		return;
	}
	(void) options_refuse_argument(&consumer_option_table, argument, error);
	for (int i = 0; options[i] != NULL; i++)
	{
		if (options_misspelling(argument, options[i]) != SIZE_MAX)
			error_hint(error, "Did you mean \"%s\"?", options[i]);
	}
}

static void
warn(const char *text, void *arg)
{
	(void) arg;
	log_event(LOG_LEVEL_WARNING, text, NULL);
}

/* -------------------------------------------------------------------------
 * run
 * ------------------------------------------------------------------------- */

static bool
start_letters(Daemon *daemon, const Options *options, Error *error)
{
	const ConsumerConfig *config = &daemon->config;
	KafkaLettersConfig letters = {.options = options,
								  .topic = config->dead_letter_topic,
								  .create = config->dead_letter_create,
								  .partitions = config->dead_letter_partitions,
								  .replication_factor = config->dead_letter_replication_factor};

	if (!daemon->handlers.dead_letters || config->dead_letter_topic[0] == '\0')
		return true;
	daemon->letters = kafka_letters_create(&letters, error);
	consumer_set_letters(daemon->consumer, daemon->letters);
	return daemon->letters != NULL;
}

static bool
start_daemon(Daemon *daemon, const Options *options, Error *error)
{
	PgTargetConfig target = {.conninfo = daemon->config.conninfo,
							 .group = daemon->config.group,
							 .handlers = &daemon->handlers,
							 .connect_timeout_usec = daemon->config.connect_timeout_usec,
							 .statement_timeout_usec = daemon->config.statement_timeout_usec,
							 .batch_timeout_usec = daemon->config.batch_timeout_usec,
							 .retention_usec = daemon->config.inbox_retention_usec,
							 .trace = daemon->config.trace,
							 .latest = &daemon->latest};
	KafkaSubscription subscription = {.topics = daemon->handlers.subscribed,
									  .count = daemon->handlers.subscribed_count,
									  .hidden = daemon->handlers.hidden};

	if (!poller_init(&daemon->poller, error))
		return false;
	daemon->inbox_slot = poller_add(&daemon->poller);
	for (int i = 0; i < daemon->config.connections; i++)
		daemon->target_slots[i] = poller_add(&daemon->poller);
	daemon->http_slot = poller_add(&daemon->poller);
	daemon->letters_slot = poller_add(&daemon->poller);
	/* Without a manager to be told the program runs all the same. */
	if (!notify_init(&daemon->notifier, error))
	{
		log_error(LOG_LEVEL_WARNING, error, NULL);
		error_clear(error);
	}
	daemon->inbox = kafka_inbox_create(options, daemon->config.group, &subscription, error);
	if (daemon->inbox == NULL)
		return false;
	for (int i = 0; i < daemon->config.connections; i++)
	{
		daemon->targets[i] = pg_target_create(&target);
		if (daemon->targets[i] == NULL)
			return error_bug(error, "out of memory");
		daemon->target_count++;
	}
	daemon->consumer =
		consumer_create(&daemon->config, &daemon->handlers, daemon->inbox, daemon->targets,
						daemon->target_count, random_seed_from_system());
	if (daemon->consumer == NULL)
		return error_bug(error, "out of memory");
	if (!start_letters(daemon, options, error))
		return false;
	if (*daemon->config.http_listen != '\0')
	{
		daemon->http =
			http_start(daemon->config.http_listen, consumer_http, daemon->consumer, error);
		if (daemon->http == NULL)
			return false;
	}
	return true;
}

static void
stop_daemon(Daemon *daemon)
{
	notify_close(&daemon->notifier);
	http_stop(daemon->http);
	consumer_destroy(daemon->consumer);
	if (daemon->letters != NULL)
		daemon->letters->methods->destroy(daemon->letters);
	for (int i = 0; i < daemon->target_count; i++)
		daemon->targets[i]->methods->destroy(daemon->targets[i]);
	if (daemon->inbox != NULL)
		daemon->inbox->methods->destroy(daemon->inbox);
	handlers_free(&daemon->handlers);
	poller_free(&daemon->poller);
}

static void
wait_for_work(Daemon *daemon)
{
	MonoUsec now = clock_mono();
	MonoUsec wake_at = consumer_wake_at(daemon->consumer, now);
	const char *why_not = consumer_why_not_ready(daemon->consumer);

	notify_turn(&daemon->notifier, why_not == NULL, why_not == NULL ? "applying events" : why_not,
				now);
	if (notify_wake_at(&daemon->notifier) < wake_at)
		wake_at = notify_wake_at(&daemon->notifier);

	poller_watch(&daemon->poller, daemon->inbox_slot, daemon->inbox->methods->fd(daemon->inbox),
				 consumer_wants_records(daemon->consumer) ? POLLIN : 0);
	for (int i = 0; i < daemon->target_count; i++)
	{
		const Target *target = daemon->targets[i];

		poller_watch(&daemon->poller, daemon->target_slots[i], target->methods->fd(target),
					 target->methods->wants(target));
	}
	poller_watch(&daemon->poller, daemon->letters_slot,
				 daemon->letters != NULL ? daemon->letters->methods->fd(daemon->letters) : -1,
				 consumer_awaits_letter(daemon->consumer) ? POLLIN : 0);
	if (daemon->http != NULL)
	{
		MonoUsec http_at = http_wake_at(daemon->http, now);

		if (http_at < wake_at)
			wake_at = http_at;
		poller_watch(&daemon->poller, daemon->http_slot, http_fd(daemon->http), POLLIN);
	}
	poller_wait(&daemon->poller, now, wake_at);
}

/* SIGUSR1 holds the breaker open, SIGUSR2 releases it; of both, the one that holds it counts. */
static void
take_breaker_signals(Daemon *daemon)
{
	bool open = poller_take_signal(&daemon->poller, SIGUSR1) > 0;
	bool close = poller_take_signal(&daemon->poller, SIGUSR2) > 0;

	if (open)
		(void) consumer_order_breaker(daemon->consumer, BREAKER_ORDER_OPEN, "SIGUSR1",
									  clock_mono());
	else if (close)
		(void) consumer_order_breaker(daemon->consumer, BREAKER_ORDER_CLOSE, "SIGUSR2",
									  clock_mono());
}

static int
run_loop(Daemon *daemon)
{
	const Error *error;
	int status;

	log_event(LOG_LEVEL_INFO, "started", "group", daemon->config.group, NULL);
	while (consumer_step(daemon->consumer, clock_mono()))
	{
		if (daemon->http != NULL)
			http_run(daemon->http);
		wait_for_work(daemon);
		for (int n = poller_take_signal(&daemon->poller, SIGTERM) +
					 poller_take_signal(&daemon->poller, SIGINT);
			 n > 0; n--)
		{
			log_event(LOG_LEVEL_INFO, "stopping", NULL);
			notify_stopping(&daemon->notifier);
			consumer_stop(daemon->consumer, clock_mono());
		}
		take_breaker_signals(daemon);
		if (poller_take_signal(&daemon->poller, SIGHUP) > 0)
			log_event(LOG_LEVEL_WARNING,
					  "settings are read at the start only; restart to change "
					  "them",
					  NULL);
	}
	status = consumer_exit(daemon->consumer, &error);
	if (status != EXIT_OK)
		return report(error);
	log_event(LOG_LEVEL_INFO, "stopped", NULL);
	return EXIT_OK;
}

static int
run(const Options *options, bool only_check)
{
	Daemon daemon = {.poller.count = 0, .notifier.fd = -1};
	Error error;
	int status;

	error_clear(&error);
	handlers_init(&daemon.handlers);
	if (!command_settings(&daemon.config, &daemon.handlers, options, &error))
	{
		handlers_free(&daemon.handlers);
		return report(&error);
	}
	if (only_check)
	{
		printf("settings and %d handler%s fine\n", daemon.handlers.count,
			   daemon.handlers.count == 1 ? " are" : "s are");
		handlers_free(&daemon.handlers);
		return EXIT_OK;
	}
	status = start_daemon(&daemon, options, &error) ? run_loop(&daemon) : report(&error);
	stop_daemon(&daemon);
	return status;
}

/* -------------------------------------------------------------------------
 * the other commands
 * ------------------------------------------------------------------------- */

static int
run_once(bool (*command)(const Options *options, Error *error), const Options *options)
{
	Error error;

	error_clear(&error);
	return command(options, &error) ? EXIT_OK : report(&error);
}

static int
run_command(Command command, const Options *options)
{
	switch (command)
	{
		case COMMAND_INIT:
			return run_once(command_init, options);
		case COMMAND_CHECK:
			return run_once(command_check, options);
		case COMMAND_REDRIVE:
			return run_once(command_redrive, options);
		case COMMAND_RUN:
			return run(options, false);
		case COMMAND_CHECK_CONFIG:
			return run(options, true);
		case COMMAND_PRINT_CONFIG:
			options_print_config(options, stdout);
			return EXIT_OK;
		case COMMAND_PRINT_SAMPLE:
			options_print_sample(&consumer_option_table, stdout);
			return EXIT_OK;
		case COMMAND_PRINT_MARKDOWN:
			options_print_markdown(&consumer_option_table, stdout);
			return EXIT_OK;
		case COMMAND_PRINT_METRICS:
			metrics_print_markdown(consumer_metrics, true, stdout);
			metrics_print_markdown(process_metrics, false, stdout);
			return EXIT_OK;
		case COMMAND_NONE:
			break;
	}
	return EXIT_BUG;
}

int
main(int argc, char **argv)
{
	Options *options;
	Command command = COMMAND_NONE;
	const char *path;
	Error error;
	int status;

	/* Before a secret is read. */
	core_dump_forbid();
	error_clear(&error);
	log_init("consumer", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	if (failpoints_listed(argc, argv))
		return EXIT_OK;
	if (!failpoints_arm(&error))
		return report(&error);
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--help") == 0)
		{
			print_help();
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--version") == 0)
		{
			printf("outbox-consumer %s\n", OUTBOX_VERSION);
			return EXIT_OK;
		}
	}
	options = options_create(&consumer_option_table);
	if (options == NULL)
		return report((error_bug(&error, "out of memory"), &error));
	if (!options_load(options, &argc, argv, environ, &path, &error))
		status = report(&error);
	else
	{
		if (options_bool(options, "process.core_dumps"))
			core_dump_allow();
		start_log(options);
		options_warn(options, warn, NULL);
		/* What is left are the command and what nobody knows: options may come before it. */
		command = take_command(&argc, argv);
		if (argc > 1)
		{
			refuse_argument(argv[1], command, &error);
			status = report(&error);
		}
		else if (command == COMMAND_NONE)
		{
			error_permanent(&error, EXIT_CONFIG, "no command was given");
			error_hint(&error, "It is init, check, run or redrive; see --help.");
			status = report(&error);
		}
		else
			status = run_command(command, options);
	}
	options_free(options);
	if ((command == COMMAND_RUN || command == COMMAND_REDRIVE) && !kafka_can_destroy())
	{
		/* Its threads still run; handlers at the exit would take the ground from under them. */
		fflush(NULL);
		_exit(status);
	}
	return status;
}
