/*
 * part.h
 *	  The parts of the system that can fail, and the links between them.  Pure.
 *
 *	app ──LINK_APP_TARGET──▶ target			(direct, direct-retry)
 *	app ──LINK_APP_SOURCE──▶ source ◀──LINK_RELAY_SOURCE── relay ──▶ broker
 *	broker ──▶ consumer ──LINK_CONSUMER_TARGET──▶ target
 *
 * In a scenario "target" and "source" as a link mean all that lead there.
 */
#ifndef OUTBOX_COMPARE_PART_H
#define OUTBOX_COMPARE_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

typedef enum Part
{
	PART_TARGET,
	PART_SOURCE,
	PART_BROKER,
	PART_RELAY,
	PART_CONSUMER,
	PART_APP,
	PART_COUNT
} Part;

typedef enum Link
{
	LINK_APP_TARGET,
	LINK_APP_SOURCE,
	LINK_CONSUMER_TARGET,
	LINK_RELAY_SOURCE,
	LINK_COUNT
} Link;

#define LINK_BIT(link) (1U << (link))

extern const char *part_name(Part part);
extern const char *link_name(Link link);
extern Part link_end(Link link); /* the server that it leads to */

extern MUST_CHECK bool part_parse(const char *text, size_t len, Part *part);
/* One link, or "target" or "source": bits of LINK_BIT(). */
extern MUST_CHECK bool links_parse(const char *text, size_t len, unsigned *links);

#endif
