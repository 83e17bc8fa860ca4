/*
 * check.h
 *	  What an event must be.
 */
#ifndef PG_OUTBOX_CHECK_H
#define PG_OUTBOX_CHECK_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* One event as its writer gave it; a NULL pointer is an SQL NULL. */
typedef struct OutboxEvent
{
	const pg_uuid_t *id;		 /* not looked at by outbox_check_event() */
	text *aggregatetype;		 /* detoasted, may have a short header */
	struct varlena *aggregateid; /* only their sizes matter: may be toasted */
	struct varlena *type;
	struct varlena *payload;	   /* json */
	struct varlena *payload_bytes; /* bytea */
	Jsonb *headers;				   /* detoasted, aligned */
} OutboxEvent;

/* Returns for an event that may be published, raises an error for every other one. */
extern void outbox_check_event(const OutboxEvent *event);

/* Raises an error unless the text is JSON; the error doesn't show the text. */
extern void outbox_check_json(const char *json, int len);

#define OUTBOX_TYPE_LEGAL (-1)

/*
 * Where the first byte stands that an aggregate type may not have: len for one of
 * a wrong length, OUTBOX_TYPE_LEGAL when there is none.
 */
extern int outbox_illegal_in_type(const char *type, int len);

/* headers.c: the part of outbox_check_event() for headers. */
extern void outbox_check_headers(Jsonb *headers);

#endif
