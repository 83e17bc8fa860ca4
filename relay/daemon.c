/*
 * daemon.c
 *	  outbox-relay run: the loop, signals, HTTP, the service manager.
 *
 * Refuses a configuration that can't be taken as a whole: then the old one stays, and so do its
 * port and its connections.
 *
 * Invariants: reloads happen between two rounds of the relay; a new port is open before the old one
 * is closed.
 */
#include "daemon.h"

#include "exit_codes.h"
#include "http.h"
#include "log.h"
#include "notify.h"
#include "stats.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LISTEN_TEXT_SIZE 320

typedef struct Daemon
{
	RelayConfig *config;
	Options *options;
	const ConfigSource *source;
	Poller poller;
	Notifier notifier;
	Relay *relay;
	HttpServer *http; /* NULL: serves nothing */
	int http_slot;
	ReloadInfo reload;
	StatsPages pages;
} Daemon;

void
daemon_start_log(const Options *options)
{
	LogLevel level = LOG_LEVEL_INFO;
	LogFormat format = LOG_FORMAT_AUTO;

	if (log_level_parse(options_text(options, "log.level"), &level) &&
		log_format_parse(options_text(options, "log.format"), &format))
		log_init("relay", level, format);
}

/* -------------------------------------------------------------------------
 * HTTP
 * -------------------------------------------------------------------------
 */

/* The port that it is: ":0" asks for any. */
static void
log_serving(const char *listen_at, int port)
{
	const char *colon = strrchr(listen_at, ':');
	char text[LISTEN_TEXT_SIZE];

	snprintf(text, sizeof(text), "%.*s:%d", (int) (colon - listen_at), listen_at, port);
	log_event(LOG_LEVEL_INFO, "serving HTTP", "listen", text, NULL);
}

/* NULL in *http for "" */
static bool
open_http(Daemon *daemon, const char *listen_at, HttpServer **http, Error *error)
{
	*http = NULL;
	if (*listen_at == '\0')
		return true;
	*http = http_start(listen_at, stats_serve, &daemon->pages, error);
	if (*http == NULL)
		return false;
	log_serving(listen_at, http_port(*http));
	return true;
}

static void
serve(Daemon *daemon, MonoUsec now, MonoUsec *wake_at)
{
	MonoUsec http_at;

	if (daemon->http == NULL)
		return;
	http_run(daemon->http);
	poller_watch(&daemon->poller, daemon->http_slot, http_fd(daemon->http), POLLIN);
	http_at = http_wake_at(daemon->http, now);
	if (http_at < *wake_at)
		*wake_at = http_at;
}

/* -------------------------------------------------------------------------
 * the service manager
 * -------------------------------------------------------------------------
 */

/* Without one to be told the program runs all the same. */
static void
find_manager(Notifier *notifier)
{
	Error error;

	error_clear(&error);
	if (!notify_init(notifier, &error))
		log_error(LOG_LEVEL_WARNING, &error, NULL);
}

static void
tell_manager(Daemon *daemon, MonoUsec now, MonoUsec *wake_at)
{
	char line[STATS_LINE_SIZE];
	RelayStatus status;

	if (daemon->notifier.fd < 0)
		return;
	relay_describe(daemon->relay, now, clock_pg(), &status);
	stats_line(&status, line);
	if (relay_is_stopping(daemon->relay))
		notify_stopping(&daemon->notifier);
	notify_turn(&daemon->notifier, status.ready, line, now);
	if (notify_wake_at(&daemon->notifier) < *wake_at)
		*wake_at = notify_wake_at(&daemon->notifier);
}

/* -------------------------------------------------------------------------
 * signals
 * -------------------------------------------------------------------------
 */

/* false: nothing of it was taken. */
static bool
take_config(Daemon *daemon, ConfigChange *change, MonoUsec now, Error *error)
{
	Options *fresh = config_read_again(daemon->source, daemon->options, change, error);
	HttpServer *http = NULL;

	if (fresh == NULL)
		return false;
	if (change->http && !open_http(daemon, options_text(fresh, "http.listen"), &http, error))
	{
		options_free(fresh);
		return false;
	}
	if (!config_adopt(daemon->options, daemon->config, fresh, error))
	{
		http_stop(http);
		return false;
	}
	if (change->http)
	{
		poller_watch(&daemon->poller, daemon->http_slot, -1, 0);
		http_stop(daemon->http);
		daemon->http = http;
	}
	daemon_start_log(daemon->options);
	if (change->count > 0)
		relay_reconfigure(daemon->relay,
						  change->brokers	 ? PRODUCER_ELSEWHERE
						  : change->producer ? PRODUCER_ANEW
											 : PRODUCER_STAYS,
						  now);
	return true;
}

static void
reload(Daemon *daemon, MonoUsec now)
{
	ConfigChange change;
	Error error;
	bool taken;

	notify_reloading(&daemon->notifier, now);
	config_change_init(&change);
	error_clear(&error);
	taken = take_config(daemon, &change, now, &error);
	config_note(&daemon->reload, taken, &error);
	if (!taken)
		log_error(LOG_LEVEL_ERROR, &error, "job", "reload: the old configuration stays", NULL);
	else
		log_event(LOG_LEVEL_INFO, "reloaded the configuration", "changed",
				  change.count > 0 ? change.names.data : "nothing", NULL);
	config_change_free(&change);
	notify_reloaded(&daemon->notifier);
}

static void
take_signals(Daemon *daemon, MonoUsec now)
{
	int stops =
		poller_take_signal(&daemon->poller, SIGTERM) + poller_take_signal(&daemon->poller, SIGINT);

	while (stops-- > 0)
		relay_stop(daemon->relay, now);
	/* Several at once are one. */
	if (poller_take_signal(&daemon->poller, SIGHUP) > 0)
		reload(daemon, now);
}

/* -------------------------------------------------------------------------
 * from start to end
 * -------------------------------------------------------------------------
 */

static int
fail(const Error *error)
{
	log_error(LOG_LEVEL_ERROR, error, NULL);
	return error->exit_code != EXIT_OK ? error->exit_code : EXIT_BUG;
}

static int
turn(Daemon *daemon)
{
	MonoUsec wake_at = 0;
	int status;

	for (;;)
	{
		MonoUsec now = clock_mono();

		take_signals(daemon, now);
		if (!relay_step(daemon->relay, now, clock_pg(), &wake_at))
			break;
		serve(daemon, now, &wake_at);
		tell_manager(daemon, now, &wake_at);
		poller_wait(&daemon->poller, now, wake_at);
	}
	notify_stopping(&daemon->notifier);
	status = relay_exit_code(daemon->relay);
	if (status != EXIT_OK)
		log_error(LOG_LEVEL_ERROR, relay_error(daemon->relay),
				  EVENT_TRACE_FIELDS(relay_error_event(daemon->relay)), NULL);
	else
		log_event(LOG_LEVEL_INFO, "stopped", NULL);
	return status;
}

int
daemon_run(RelayConfig *config, Options *options, const ConfigSource *source)
{
	Daemon daemon = {.config = config,
					 .options = options,
					 .source = source,
					 .reload = {.successful = true, .at = clock_wall()}};
	Error error;
	int status;

	error_clear(&error);
	if (!poller_init(&daemon.poller, &error))
		return fail(&error);
	daemon.relay = relay_create(config, &daemon.poller, clock_mono(), &error);
	if (daemon.relay == NULL)
	{
		poller_free(&daemon.poller);
		return fail(&error);
	}
	daemon.pages = (StatsPages){daemon.relay, options, &daemon.reload};
	daemon.http_slot = poller_add(&daemon.poller);
	find_manager(&daemon.notifier);
	status = open_http(&daemon, config->http_listen, &daemon.http, &error) ? turn(&daemon)
																		   : fail(&error);
	notify_close(&daemon.notifier);
	http_stop(daemon.http);
	relay_free(daemon.relay);
	poller_free(&daemon.poller);
	return status;
}
