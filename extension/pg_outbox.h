/*
 * pg_outbox.h
 *	  Names and limits that several files of the module share.  docs/protocol.md
 *	  says where the limits come from.
 */
#ifndef PG_OUTBOX_H
#define PG_OUTBOX_H

#define OUTBOX_SCHEMA "outbox"
#define OUTBOX_PARTITIONS 3

/* A topic is at most 249 bytes long; this is the default topics.pattern of the relay. */
#define OUTBOX_TOPIC_PREFIX "outbox.event."
#define OUTBOX_TOPIC_MAX 249
#define OUTBOX_TYPE_MAX (OUTBOX_TOPIC_MAX - ((int) sizeof(OUTBOX_TOPIC_PREFIX) - 1))

/* The relay sends 64 at most and adds its own. */
#define OUTBOX_MAX_HEADERS 60
#define OUTBOX_MAX_HEADER_BYTES (1024 * 1024)

/* Our own class, of those that the SQL standard leaves to implementations (docs/sql.md). */
#define OUTBOX_ERRCODE_LAG MAKE_SQLSTATE('O', 'B', '0', '0', '1')

#endif
