/*
 * guc.h
 *	  The settings of the extension, pg_outbox.*.
 *
 * What is policy can only be changed by superusers and by roles that were granted SET on
 * it (PGC_SUSET); the trace context of a session by everybody (trace.h).  The prefix is reserved, so a misspelt name
 * is an error once the module is loaded.
 */
#ifndef PG_OUTBOX_GUC_H
#define PG_OUTBOX_GUC_H

/* pg_outbox.max_event_bytes */
extern int outbox_max_event_bytes;

/* pg_outbox.storage */
typedef enum OutboxStorage
{
	OUTBOX_STORAGE_TABLE,
	OUTBOX_STORAGE_WAL
} OutboxStorage;
extern int outbox_storage;

/* pg_outbox.backpressure, pg_outbox.max_lag (kB), pg_outbox.slots */
typedef enum OutboxBackpressure
{
	OUTBOX_BACKPRESSURE_OFF,
	OUTBOX_BACKPRESSURE_WARN,
	OUTBOX_BACKPRESSURE_ERROR
} OutboxBackpressure;
extern int outbox_backpressure;
extern int outbox_max_lag_kb;
extern char *outbox_slots;

extern void outbox_define_settings(void);

/*
 * Finds the next name in a list of names and commas and moves *list behind it; blanks
 * around a name don't count, *len is 0 for an empty one.  false at the end of the list.
 */
extern bool outbox_next_name(const char **list, const char **name, int *len);

/* Is this aggregate type in pg_outbox.allowed_types?  An empty list allows all. */
extern bool outbox_type_allowed(const char *type, int len);

#endif
