/*
 * mode.c
 *	  What is known of the modes.  Refuses names that are not in the table, and a
 *	  mode given twice.
 */
#include "mode.h"

#include <stdio.h>
#include <string.h>

typedef struct ModeFacts
{
	const char *name;
	const char *title;
	const char *about;
	const char *topic;
	bool target;
	bool source;
	bool produces;
} ModeFacts;

static const ModeFacts facts[MODE_COUNT] = {
	[MODE_DIRECT] = {.name = "direct",
					 .title = "Direct",
					 .about = "The request's transaction is in the target database.",
					 .target = true},
	[MODE_DIRECT_RETRY] = {.name = "direct-retry",
						   .title = "Direct, with retries",
						   .about = "As direct, with retries (full jitter, within the client's "
									"patience) behind a circuit breaker.",
						   .target = true},
	[MODE_DUAL_WRITE] = {.name = "dual-write",
						 .title = "Dual write",
						 .about = "A transaction in the source database, and after its COMMIT a "
								  "message to Kafka that nobody waits for.",
						 .topic = "app.dual-write",
						 .source = true,
						 .produces = true},
	[MODE_KAFKA_FIRST] = {.name = "kafka-first",
						  .title = "Kafka first",
						  .about = "A message to Kafka, acknowledged by all replicas before the "
								   "answer; no database of its own.",
						  .topic = "app.kafka-first",
						  .produces = true},
	[MODE_OUTBOX] = {.name = "outbox",
					 .title = "Outbox",
					 .about =
						 "outbox.emit() in the source's transaction; relay and consumer do the "
						 "rest.",
					 .topic = "outbox.event.driver",
					 .source = true},
	[MODE_OUTBOX_WAL] = {.name = "outbox-wal",
						 .title = "Outbox, WAL only",
						 .about = "As outbox, with pg_outbox.storage = wal: the event is a logical "
								  "message and no row.",
						 .topic = "outbox.event.driver-wal",
						 .source = true},
};

const char *
mode_name(Mode mode)
{
	return facts[mode].name;
}

const char *
mode_title(Mode mode)
{
	return facts[mode].title;
}

const char *
mode_about(Mode mode)
{
	return facts[mode].about;
}

bool
mode_writes_target(Mode mode)
{
	return facts[mode].target;
}

bool
mode_writes_source(Mode mode)
{
	return facts[mode].source;
}

bool
mode_produces(Mode mode)
{
	return facts[mode].produces;
}

bool
mode_relayed(Mode mode)
{
	return facts[mode].topic != NULL && !facts[mode].produces;
}

const char *
mode_topic(Mode mode)
{
	return facts[mode].topic;
}

bool
mode_consumed(Mode mode)
{
	return facts[mode].topic != NULL;
}

bool
mode_parse(const char *text, size_t len, Mode *mode)
{
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (strlen(facts[i].name) == len && memcmp(facts[i].name, text, len) == 0)
		{
			*mode = (Mode) i;
			return true;
		}
	}
	return false;
}

bool
mode_parse_list(const char *text, bool *present)
{
	memset(present, 0, sizeof(bool) * MODE_COUNT);
	for (;;)
	{
		size_t len = strcspn(text, ",");
		Mode mode;

		if (!mode_parse(text, len, &mode) || present[mode])
			return false;
		present[mode] = true;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

void
mode_format_list(const bool *present, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < MODE_COUNT && len < size; i++)
	{
		if (present[i])
			len += (size_t) snprintf(text + len, size - len, "%s%s", len > 0 ? "," : "",
									 facts[i].name);
	}
}

bool
mode_any(const bool *present, bool (*is)(Mode mode))
{
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (present[i] && is((Mode) i))
			return true;
	}
	return false;
}
