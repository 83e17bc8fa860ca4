/*
 * doctor_delivery.c
 *	  What doctor has to say about Kafka transactions.
 *
 * Refuses nothing.  Invariants: what it calls an error ends a relay that starts; beside a
 * running relay, whose position moves while doctor looks, it calls nothing an error that isn't.
 */
#include "doctor_delivery.h"

#include "exit_codes.h"
#include "relay_check_delivery.h"

#include <stdlib.h>

bool
doctor_delivery_matters(const ServerFacts *server, const DeliveryLook *look)
{
	return server->connection.error_class == ERROR_CLASS_NONE &&
		   server->relay_error.error_class == ERROR_CLASS_NONE &&
		   server->replication.error_class == ERROR_CLASS_NONE && server->relay.registered &&
		   (look->exactly_once || server->relay.exactly_once);
}

static void
refuse(const Error *error, Finding *finding)
{
	finding_set_error(finding,
					  error->error_class == ERROR_CLASS_TRANSIENT ? FINDING_WARNING : FINDING_ERROR,
					  error);
	finding_mend(finding, REMEDY_ADVICE, "%s",
				 error->hint[0] != '\0' ? error->hint : "see docs/operations.md, \"Exactly once\"");
}

static void
judge(const ServerFacts *server, const DeliveryLook *look, const TimelineHistory *timelines,
	  Finding *finding)
{
	DeliveryFacts facts = {
		.exactly_once = look->exactly_once,
		.before = look->found ? &look->before : NULL,
		.written_on = look->written_on,
		.timelines = timelines,
		/* A relay that runs came further than the server was when it was asked. */
		.flushed = server->relay.slot_pid != 0 ? UINT64_MAX : server->flushed,
	};
	char text[POSITION_TEXT_SIZE];
	DeliveryStart start;
	Error error;

	error_clear(&error);
	(void) position_format(server->relay.source_id, &look->before, text);
	if (look->found && look->before.timeline != server->timeline)
		finding_set(finding, FINDING_OK,
					"they came to %s, before a promotion: the relay compares that when it starts",
					text);
	else if ((look->exactly_once && !relay_check_delivery_column(&server->relay, &error)) ||
			 !relay_check_delivery(&server->relay, &facts, &start, &error))
	{
		/* What a relay has under way is behind the mark, until it is stopped. */
		if (error.exit_code == EXIT_CONFIG && server->relay.slot_pid != 0 &&
			!server->relay.exactly_once)
			finding_set(finding, FINDING_OK,
						"the first one comes when the relay that runs now has been stopped by "
						"SIGTERM, and starts again");
		else
			refuse(&error, finding);
	}
	else if (start.anchor)
		finding_set(finding, FINDING_OK, "the first one comes when the relay starts");
	else
		finding_set(finding, FINDING_OK, "they came to %s", text);
}

void
doctor_check_delivery(const ServerFacts *server, const DeliveryLook *look, FindingFn tell,
					  void *arg)
{
	/* Too large for a stack, with room for a thousand promotions. */
	TimelineHistory *timelines = calloc(1, sizeof(*timelines));
	Finding finding;

	finding_begin(&finding, "transactions");
	if (look->error.error_class != ERROR_CLASS_NONE)
		refuse(&look->error, &finding);
	else if (timelines != NULL)
	{
		timeline_init(timelines, server->timeline);
		judge(server, look, timelines, &finding);
	}
	free(timelines);
	if (finding.found[0] != '\0')
		tell(&finding, arg);
}
