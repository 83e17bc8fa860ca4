/*
 * commands.c
 *	  Commands that do one thing and end, and what all of them check first.
 *
 * Refuses settings that don't fit together, before any peer is asked.
 */
#include "commands.h"

#include <stdio.h>

#include "check_topics.h"
#include "exit_codes.h"
#include "kafka_conf.h"
#include "pg_admin.h"
#include "pg_conninfo.h"
#include "redrive.h"

/* A topic that is read and written would be read for ever. */
static bool
letters_are_not_read(const ConsumerConfig *config, const Handlers *handlers, Error *error)
{
	const char *topic = config->dead_letter_topic;

	if (!handlers->dead_letters || handlers_topic(handlers, topic) < 0)
		return true;
	error_permanent(error, EXIT_CONFIG, "a handler reads from \"%s\", where dead letters go",
					topic);
	return error_hint(error, "See \"dead_letter.topic\".");
}

bool
command_settings(ConsumerConfig *config, Handlers *handlers, const Options *options, Error *error)
{
	return consumer_config_fill(config, options, error) &&
		   kafka_conf_check(options, config->group, error) &&
		   pg_conninfo_check(options, "target", error) && handlers_load(handlers, options, error) &&
		   letters_are_not_read(config, handlers, error) &&
		   handlers_subscribe(handlers, config->dead_letter_topic, error);
}

static bool
check_target(ConsumerConfig *config, const Options *options, Error *error)
{
	consumer_config_target(config, options);
	return pg_conninfo_check(options, "target", error);
}

bool
command_init(const Options *options, Error *error)
{
	ConsumerConfig config;

	return check_target(&config, options, error) &&
		   pg_admin_init(config.conninfo, config.connect_timeout_usec, stdout, error);
}

bool
command_check(const Options *options, Error *error)
{
	ConsumerConfig config;
	Handlers handlers;
	bool ok;

	handlers_init(&handlers);
	ok = check_target(&config, options, error) && handlers_load(&handlers, options, error) &&
		 pg_admin_check(config.conninfo, config.connect_timeout_usec, &handlers, stdout, error) &&
		 check_topics(&config, &handlers, stdout, error);
	handlers_free(&handlers);
	return ok;
}

bool
command_redrive(const Options *options, Error *error)
{
	ConsumerConfig config;
	Handlers handlers;
	bool ok;

	handlers_init(&handlers);
	ok = command_settings(&config, &handlers, options, error) &&
		 redrive_run(&config, &handlers, stdout, error);
	handlers_free(&handlers);
	return ok;
}
