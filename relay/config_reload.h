/*
 * config_reload.h
 *	  The configuration of a relay, read at the start and again on SIGHUP.
 *
 * The environment and the command line stay what they were; the file is read anew.
 */
#ifndef OUTBOX_RELAY_CONFIG_RELOAD_H
#define OUTBOX_RELAY_CONFIG_RELOAD_H

#include "relay_options.h"
#include "reload.h"

/* The command line as it was given, with its secrets. */
typedef struct ConfigSource
{
	int argc;
	char **argv; /* copies */
} ConfigSource;

/* Before options_load() takes secrets out of it; false: out of memory. */
extern MUST_CHECK bool config_source_keep(ConfigSource *source, int argc, char **argv);
extern void config_source_free(ConfigSource *source);

/* What changed, besides the values. */
typedef struct ConfigChange
{
	int count;
	bool producer; /* of kafka.* or window.*: it takes a new producer */
	bool brokers;  /* which ones it is for */
	bool http;	   /* http.listen */
	Buffer names;  /* "log.level, window.events" */
} ConfigChange;

extern void config_change_init(ConfigChange *change);
extern void config_change_free(ConfigChange *change);

/*
 * Reads and checks all of it, and what only a restart can change: PERMANENT.  NULL then; else
 * options for config_adopt() or options_free().
 */
extern MUST_CHECK Options *config_read_again(const ConfigSource *source, const Options *current,
											 ConfigChange *change, Error *error);
/* current and config have the new values; fresh is freed.  false: BUG. */
extern MUST_CHECK bool config_adopt(Options *current, RelayConfig *config, Options *fresh,
									Error *error);

/* What became of it. */
extern void config_note(ReloadInfo *info, bool successful, const Error *error);

#endif
