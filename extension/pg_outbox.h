/*
 * pg_outbox.h
 *	  What the files of the module share.
 */
#ifndef PG_OUTBOX_H
#define PG_OUTBOX_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#define OUTBOX_SCHEMA "outbox"
#define OUTBOX_PARTITIONS 3
#define OUTBOX_TOPIC_PREFIX "outbox.event."
#define OUTBOX_TOPIC_MAX 249
#define OUTBOX_MAX_HEADERS 60

/* One event as its writer gave it; NULL pointers and absent are SQL NULL. */
typedef struct OutboxEventArgs
{
	text *aggregatetype;
	text *aggregateid;
	text *type;
	struct varlena *payload;	   /* json */
	struct varlena *payload_bytes; /* bytea */
	Jsonb *headers;
} OutboxEventArgs;

/* guc.c */
extern int outbox_max_event_bytes;
extern char *outbox_allowed_types;
extern void outbox_define_settings(void);
extern bool outbox_type_allowed(const char *type, int len);

/* check.c: raises an error for what is no event; returns otherwise. */
extern void outbox_check_event(const OutboxEventArgs *event);

/* uuid7.c */
extern void outbox_uuid7(pg_uuid_t *uuid);

/* partition.c */
extern void outbox_partition_init(void);
extern int16 outbox_current_partition(void);

#endif
