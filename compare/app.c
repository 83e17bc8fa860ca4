/*
 * app.c
 *	  "outbox-compare ingest" as a child.
 *
 * SIGUSR1 asks it to die at the worst moment (ingest_crash_between()); SIGKILL
 * follows when that moment doesn't come soon.
 */
#include "app.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "exit_codes.h"
#include "files.h"
#include "port.h"
#include "scrape.h"

#define CONFIG_LIMIT 8192
#define STATE_LIMIT 8192
#define GET_TIMEOUT_USEC (500 * USEC_PER_MS)
#define CRASH_WAIT_USEC (500 * USEC_PER_MS)
#define STOP_WAIT_USEC (5 * USEC_PER_SEC)

static bool
write_config(const App *app, const AppConfig *config, Error *error)
{
	IngestSettings settings = {.port = app->port,
							   .target_conninfo = config->target_conninfo,
							   .source_conninfo = config->source_conninfo,
							   .brokers = config->brokers,
							   .limits = config->limits};
	Buffer text;
	bool written;

	memcpy(settings.modes, config->modes, sizeof(settings.modes));
	buffer_init(&text, CONFIG_LIMIT);
	ingest_settings_write(&settings, &text);
	written = text.failed ? error_bug(error, "the configuration of the application is too long")
						  : file_write(app->config_path, text.data, 0600, error);
	buffer_free(&text);
	return written;
}

bool
app_start(App *app, const AppConfig *config, Error *error)
{
	memset(app, 0, sizeof(*app));
	app->port = port_find();
	if (app->port == 0)
		return error_permanent(error, EXIT_SERVER, "no free port at 127.0.0.1");
	app->crashes_between = config->modes[MODE_DUAL_WRITE];
	snprintf(app->program, sizeof(app->program), "%s", config->program);
	snprintf(app->config_path, sizeof(app->config_path), "%s/ingest.ini", config->dir);
	snprintf(app->log_path, sizeof(app->log_path), "%s/ingest.log", config->dir);
	return write_config(app, config, error) && app_restart(app, error);
}

bool
app_restart(App *app, Error *error)
{
	const char *const argv[] = {app->program, "ingest", "--config", app->config_path, NULL};
	ChildSpec spec = {.name = "outbox-compare ingest",
					  .argv = argv,
					  .log_path = app->log_path,
					  .death_signal = SIGKILL};

	return child_start(&app->child, &spec, error);
}

bool
app_ready(App *app)
{
	Buffer body;
	int status;

	if (!child_running(&app->child))
		return false;
	buffer_init(&body, STATE_LIMIT);
	status = scrape_get(app->port, "/readyz", GET_TIMEOUT_USEC, &body);
	buffer_free(&body);
	return status == 200;
}

static bool
read_state(const char *text, AppPath *paths)
{
	json_t *object = json_loads(text, 0, NULL);
	const json_t *all = json_object_get(object, "paths");
	bool known;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const json_t *path = json_object_get(all, mode_name((Mode) mode));
		const json_t *breaker = json_object_get(path, "breaker");

		paths[mode].connected = (int) json_integer_value(json_object_get(path, "connected"));
		paths[mode].queued = json_integer_value(json_object_get(path, "queued"));
		paths[mode].breaker = json_is_integer(breaker) ? (int) json_integer_value(breaker) : -1;
	}
	known = json_is_object(all);
	json_decref(object);
	return known;
}

bool
app_state(const App *app, AppPath *paths)
{
	Buffer body;
	bool known;

	buffer_init(&body, STATE_LIMIT);
	known = scrape_get(app->port, "/state", GET_TIMEOUT_USEC, &body) == 200 &&
			read_state(body.data, paths);
	buffer_free(&body);
	return known;
}

bool
app_crash(App *app, Error *error)
{
	if (app->crashes_between)
	{
		child_signal(&app->child, SIGUSR1);
		child_wait(&app->child, CRASH_WAIT_USEC);
	}
	child_kill(&app->child);
	if (child_running(&app->child))
		return error_permanent(error, EXIT_SERVER, "the application could not be killed");
	return true;
}

void
app_stop(App *app)
{
	child_signal(&app->child, SIGTERM);
	child_wait(&app->child, STOP_WAIT_USEC);
	child_kill(&app->child);
}
