/*
 * config_reload.c
 *	  The configuration of a relay, read again.
 *
 * Refuses, as a whole, what a start would refuse, and a change of what only a restart can change.
 *
 * Invariants: the settings in use are touched when everything was checked, and not before; values
 * never go into a log, only names.
 */
#include "config_reload.h"

#include "kafka_conf.h"
#include "pg_conninfo.h"
#include "route_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
config_change_init(ConfigChange *change)
{
	*change = (ConfigChange){0};
	buffer_init(&change->names, 4096);
}

void
config_change_free(ConfigChange *change)
{
	buffer_free(&change->names);
}

static void
note_change(const char *name, const char *origin, bool reloadable, void *arg)
{
	ConfigChange *change = arg;

	(void) origin;
	(void) reloadable;
	buffer_printf(&change->names, "%s%s", change->count > 0 ? ", " : "", name);
	change->count++;
	change->producer |= strncmp(name, "kafka.", 6) == 0 || strncmp(name, "window.", 7) == 0;
	change->brokers |= strcmp(name, "kafka.bootstrap.servers") == 0;
	change->http |= strcmp(name, "http.listen") == 0;
}

bool
config_source_keep(ConfigSource *source, int argc, char **argv)
{
	*source = (ConfigSource){0};
	source->argv = calloc((size_t) argc + 1, sizeof(*argv));
	if (source->argv == NULL)
		return false;
	for (; source->argc < argc; source->argc++)
	{
		source->argv[source->argc] = strdup(argv[source->argc]);
		if (source->argv[source->argc] == NULL)
			return false;
	}
	return true;
}

void
config_source_free(ConfigSource *source)
{
	for (int i = 0; i < source->argc; i++)
		free(source->argv[i]);
	free(source->argv);
	*source = (ConfigSource){0};
}

/* Loading permutes an argv and overwrites what is secret in it: so it gets another copy. */
static bool
load(const ConfigSource *source, Options *options, Error *error)
{
	char **argv = calloc((size_t) source->argc + 1, sizeof(*argv));
	int argc = source->argc;
	const char *file;
	ConfigSource copy;
	bool ok;

	ok = config_source_keep(&copy, source->argc, source->argv) && argv != NULL;
	if (!ok)
		error_bug(error, "out of memory");
	else
	{
		memcpy(argv, copy.argv, (size_t) argc * sizeof(*argv));
		ok = options_load(options, &argc, argv, environ, &file, error);
	}
	free(argv);
	config_source_free(&copy);
	return ok;
}

static bool
check(const Options *options, Error *error)
{
	RelayConfig config;

	return relay_config_fill(&config, options, error) &&
		   pg_conninfo_check(options, "postgres", error) && kafka_conf_check(&config, error);
}

static void
note_routing(const char *name, const char *origin, bool reloadable, void *arg)
{
	bool *routing = arg;

	(void) origin;
	(void) reloadable;
	for (int item = 0; item < ROUTE_RECORD_ITEMS; item++)
		*routing |= strcmp(name, route_record_setting((RouteRecordItem) item)) == 0;
}

/* A restart alone won't do for what is recorded: it ends with EXIT_ROUTING. */
static bool
check_change(const Options *current, const Options *fresh, Error *error)
{
	bool routing = false;

	if (options_check_reload(current, fresh, error))
		return true;
	options_each_change(current, fresh, note_routing, &routing);
	return error_hint(error, "%s",
					  routing ? "Where events go is recorded: stop the relay, run \"outbox-relay "
								"repartition\" with the new settings, and start it."
							  : "Restart the relay to have them.");
}

Options *
config_read_again(const ConfigSource *source, const Options *current, ConfigChange *change,
				  Error *error)
{
	Options *fresh = options_create(&relay_option_table);

	if (fresh == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	if (load(source, fresh, error) && check_change(current, fresh, error) && check(fresh, error))
	{
		options_each_change(current, fresh, note_change, change);
		return fresh;
	}
	options_free(fresh);
	return NULL;
}

bool
config_adopt(Options *current, RelayConfig *config, Options *fresh, Error *error)
{
	bool ok;

	options_adopt(current, fresh);
	/* It was fine a moment ago; before the old texts go, nothing may borrow them. */
	ok = relay_config_fill(config, current, error);
	options_free(fresh);
	return ok;
}

void
config_note(ReloadInfo *info, bool successful, const Error *error)
{
	info->successful = successful;
	info->at = clock_wall();
	info->count++;
	info->problem[0] = '\0';
	if (!successful)
		snprintf(info->problem, sizeof(info->problem), "%s", error->message);
}
