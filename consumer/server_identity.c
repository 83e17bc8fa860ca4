/*
 * server_identity.c
 *	  Which server a session came to, and whether it is a former primary.
 */
#include "server_identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMELINE_DIGITS 8

/* The whole text; 0 when it isn't a number above 0. */
static uint64_t
number(const char *text, int base)
{
	char *end;
	unsigned long long value;

	if (*text == '\0' || strspn(text, "0123456789ABCDEF") != strlen(text))
		return 0;
	errno = 0;
	value = strtoull(text, &end, base);
	return errno == 0 && *end == '\0' ? value : 0;
}

ServerIdentity
server_identity_parse(const char *system, const char *timeline)
{
	ServerIdentity identity = {number(system, 10), 0};

	if (strlen(timeline) == TIMELINE_DIGITS)
		identity.timeline = (uint32_t) number(timeline, 16);
	if (identity.timeline == 0)
		identity.system = 0;
	return identity;
}

bool
server_identity_admit(ServerIdentity *latest, const ServerIdentity *found)
{
	if (found->system == 0)
		return true;
	if (latest->system == found->system && found->timeline < latest->timeline)
		return false;
	*latest = *found;
	return true;
}
