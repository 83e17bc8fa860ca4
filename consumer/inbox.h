/*
 * inbox.h
 *	  Where records come from, as the conductor sees it: a small vtable.
 *	  kafka_inbox implements it.
 *
 * Nothing blocks but watermarks(), which takes at most the time that it is
 * given.  What an event points to is valid until the next poll().
 *
 * Partitions come with ASSIGNED and are read only once begin() says from where:
 * offsets are the target's business.  They go with REVOKED, after which the
 * conductor owes a finish() for exactly those; until then the group waits.
 */
#ifndef OUTBOX_CONSUMER_INBOX_H
#define OUTBOX_CONSUMER_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "error.h"
#include "reader.h"

#define INBOX_OFFSET_BEGINNING (-2)
#define INBOX_OFFSET_UNKNOWN (-1)

typedef struct InboxHeader
{
	ByteView name;
	ByteView value; /* NULL data: null */
} InboxHeader;

typedef struct InboxRecord
{
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* -1: none */
	ByteView key;		  /* NULL data: null */
	ByteView value;
	const InboxHeader *headers;
	size_t header_count;
} InboxRecord;

typedef struct InboxPlace
{
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t low; /* of watermarks() */
	int64_t high;
	bool known; /* the watermarks are */
} InboxPlace;

typedef enum InboxEventType
{
	INBOX_RECORD,
	INBOX_ASSIGNED,		/* these were added */
	INBOX_REVOKED,		/* these go; "lost": somebody else may have them already */
	INBOX_END,			/* nothing is there from places[0].offset on, for now */
	INBOX_OUT_OF_RANGE, /* places[0].offset isn't there; < 0: no beginning is */
	INBOX_WAITING,		/* a topic isn't there yet, as error says */
	INBOX_TROUBLE,		/* error: to be logged; the library tries again by itself */
	INBOX_NOTE,			/* the same, for those who debug */
	INBOX_REJOINING,	/* error: the group took this member for another; nothing is ours now */
	INBOX_RENEWING,		/* error: it leaves for a new member; REVOKED and ASSIGNED follow */
	INBOX_FATAL,		/* error: this inbox is of no use any more */
	INBOX_CLOSED		/* after close() */
} InboxEventType;

typedef struct InboxEvent
{
	InboxEventType type;
	InboxRecord record;
	const InboxPlace *places;
	size_t place_count;
	bool lost;
	Error error;
} InboxEvent;

typedef struct Inbox Inbox;

typedef struct InboxClass
{
	/* IO_OK: an event; IO_AGAIN: none. */
	IoResult (*poll)(Inbox *inbox, InboxEvent *event);
	bool (*begin)(Inbox *inbox, const InboxPlace *places, size_t count, Error *error);
	bool (*finish)(Inbox *inbox, const InboxPlace *places, size_t count, Error *error);
	/* Only of partitions that began, and only to change what is. */
	bool (*pause)(Inbox *inbox, const InboxPlace *places, size_t count, Error *error);
	bool (*resume)(Inbox *inbox, const InboxPlace *places, size_t count, Error *error);
	/* Reads on from another offset. */
	bool (*rewind)(Inbox *inbox, const InboxPlace *place, Error *error);
	/* Gives up the reading of a partition and begins it anew, from that offset. */
	bool (*begin_anew)(Inbox *inbox, const InboxPlace *place, Error *error);
	/* What was applied, for tools that look at the group's offsets. */
	void (*store)(Inbox *inbox, const InboxPlace *places, size_t count);
	/* Asks the brokers; false when they don't answer in time. */
	bool (*watermarks)(Inbox *inbox, InboxPlace *places, size_t count, int timeout_ms,
					   Error *error);
	/* The end of the partition as the last fetch saw it; INBOX_OFFSET_UNKNOWN. */
	int64_t (*cached_end)(const Inbox *inbox, const char *topic, int32_t partition);
	int (*fd)(const Inbox *inbox);
	/* Starts to leave the group: REVOKED and CLOSED follow. */
	void (*close)(Inbox *inbox);
	void (*destroy)(Inbox *inbox);
} InboxClass;

struct Inbox
{
	const InboxClass *methods;
	MonoUsec session_usec; /* a member that the group gave up hears of it within this time */
};

#endif
