/*
 * options_table.h
 *	  The option table that the tests of the option files share: one of each kind.
 */
#ifndef OUTBOX_TEST_OPTIONS_TABLE_H
#define OUTBOX_TEST_OPTIONS_TABLE_H

#include "options.h"

static const OptionSpec sample_specs[] = {
	{"postgres.conninfo", OPTION_TEXT, "", 0, 0, NULL, "", OPTION_CONNINFO,
	 "Where the source is, as libpq writes it."},
	{"postgres.slot", OPTION_TEXT, "pg_outbox", 0, 0, NULL, "", 0, "Name of the slot."},
	{"kafka.client.id", OPTION_TEXT, "sample", 0, 0, NULL, "", 0, "How the broker calls it."},
	{"topics.create", OPTION_BOOL, "on", 0, 0, NULL, "", OPTION_RELOADABLE,
	 "Make topics that are missing."},
	{"topics.replication_factor", OPTION_INT, "-1", -1, 100, NULL, "", 0, "Of new topics."},
	{"window.events", OPTION_INT, "65536", 1, 1000000, NULL, "", 0, "Events in flight."},
	{"window.bytes", OPTION_BYTES, "16MB", 1024, 1 << 30, NULL, "bytes", 0, "Bytes in flight."},
	{"mark.interval", OPTION_DURATION, "1s", 100, 3600000, NULL, "s", OPTION_RELOADABLE,
	 "How often the mark is committed; a long sentence, so that there is something to wrap, and a "
	 "second one behind it."},
	{"log.level", OPTION_ENUM, "info", 0, 0, "debug|info|warning|error", "", OPTION_RELOADABLE,
	 "Least level that is written."},
	{"poison.policy", OPTION_ENUM, NULL, 0, 0, "stop|dead-letter", "", 0, "What then."},
	{"http.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET, "A secret."},
	{"secret.number", OPTION_INT, NULL, 0, 9, NULL, "", OPTION_SECRET, "A secret number."},
	{"free.number", OPTION_INT, NULL, 0, 0, NULL, "", 0, "Without limits."},
	{"free.bytes", OPTION_BYTES, "1kB", 0, 0, NULL, "", 0, "Without limits."},
	{"free.duration", OPTION_DURATION, "0", 0, 0, NULL, "", 0, "Without limits."},
	{"postgres.late", OPTION_TEXT, "a\nb", 0, 0, NULL, "", 0, "Away from its group; two lines."},
	{"plain", OPTION_TEXT, "p", 0, 0, NULL, "", 0, "In no section."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL},
};

static const OptionTable sample_table = {"outbox-sample", "OUTBOX_SAMPLE", "kafka.",
										 "handler",		  sample_specs,	   false};

#endif
