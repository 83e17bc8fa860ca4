/*
 * server_identity.h
 *	  Which server a session came to, and whether it is a former primary.  Pure.
 *
 * A promoted standby has its primary's system identifier and a higher timeline.  A
 * server that is on a lower one than an earlier session of ours was left behind by
 * it: what is applied there is in the wrong place.  Two servers that were promoted
 * to the same timeline can't be told apart.
 */
#ifndef OUTBOX_CONSUMER_SERVER_IDENTITY_H
#define OUTBOX_CONSUMER_SERVER_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ServerIdentity
{
	uint64_t system; /* system identifier; 0: not known, nothing can be said */
	uint32_t timeline;
} ServerIdentity;

/* From what the server says, a decimal number and 8 hexadecimal digits; unknown when it is neither. */
extern ServerIdentity server_identity_parse(const char *system, const char *timeline);

/*
 * Whether the server is none that was left behind; then "latest" becomes it.  Another
 * system is another cluster, and begins anew.
 */
extern bool server_identity_admit(ServerIdentity *latest, const ServerIdentity *found);

#endif
