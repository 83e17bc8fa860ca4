/*
 * daemon.h
 *	  outbox-relay run: the loop around the conductor, and what comes to it from outside: signals,
 *	  HTTP, the service manager.
 *
 *	SIGTERM, SIGINT		drain and stop; a second one stops at once
 *	SIGHUP				read the configuration again (config_reload.h)
 */
#ifndef OUTBOX_RELAY_DAEMON_H
#define OUTBOX_RELAY_DAEMON_H

#include "config_reload.h"

/* The exit status.  options and config get new values with a reload. */
extern int daemon_run(RelayConfig *config, Options *options, const ConfigSource *source);

/* log.level and log.format. */
extern void daemon_start_log(const Options *options);

#endif
