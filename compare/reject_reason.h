/*
 * reject_reason.h
 *	  Why a request was rejected: what the application says in its answer, and what its client
 *	  knows without one.
 */
#ifndef OUTBOX_COMPARE_REJECT_REASON_H
#define OUTBOX_COMPARE_REJECT_REASON_H

#include <stddef.h>

typedef enum RejectReason
{
	REJECT_AWAY,	  /* 503: the database or the broker is away */
	REJECT_BUSY,	  /* 503: the pool is exhausted */
	REJECT_STOPPING,  /* 503: the application is */
	REJECT_INVALID,	  /* 4xx: the request is at fault */
	REJECT_NOT_SENT,  /* no connection to the application */
	REJECT_NO_CLIENT, /* all connections that the load has for the path are waiting for answers */
	REJECT_OTHER	  /* 503 with other words */
} RejectReason;

#define REJECT_REASONS 7

/* The member of report.json: "away". */
extern const char *reject_reason_name(RejectReason reason);
/* "what it would be stored in was away" */
extern const char *reject_reason_words(RejectReason reason);
/* The words of a report's member; NULL: another version's. */
extern const char *reject_reason_words_of(const char *name);
/* What the application's answer says; NULL for those that don't come from its answers. */
extern const char *reject_reason_answer(RejectReason reason);

/* Of an answer that rejects, with its head; status 0: there was none. */
extern RejectReason reject_reason_of(int http_status, const char *answer, size_t len);

#endif
