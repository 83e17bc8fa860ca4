/*
 * ingest_options.h
 *	  The settings of the ingest server, which has a configuration file of its own:
 *	  written by who starts it, read by itself.
 */
#ifndef OUTBOX_COMPARE_INGEST_OPTIONS_H
#define OUTBOX_COMPARE_INGEST_OPTIONS_H

#include "mode.h"
#include "options.h"

/* The same for every mode. */
typedef struct IngestLimits
{
	int http_threads;
	int pool_size;	/* connections of each mode */
	int pool_queue; /* requests that may wait for one */
	int64_t pool_wait_usec;
	int64_t connect_timeout_usec;
	int64_t statement_timeout_usec;
	int64_t tcp_user_timeout_usec;
	int64_t client_timeout_usec; /* the client's patience, which retries don't outlast */
	int64_t reconnect_min_usec;
	int64_t reconnect_max_usec;
} IngestLimits;

typedef struct IngestSettings
{
	int port;
	bool modes[MODE_COUNT];
	const char *target_conninfo; /* NULL when no mode needs it; so the next two */
	const char *source_conninfo;
	const char *brokers;
	IngestLimits limits;
} IngestSettings;

extern const OptionTable ingest_option_table;

/* From options that have them by the names that they have here. */
extern void ingest_limits_fill(IngestLimits *limits, const Options *options);

/* The strings are those of the options, which must stay. */
extern MUST_CHECK bool ingest_settings_fill(IngestSettings *settings, const Options *options,
											Error *error);

/* The configuration file that says so. */
extern void ingest_settings_write(const IngestSettings *settings, Buffer *text);

#endif
