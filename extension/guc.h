/*
 * guc.h
 *	  The settings of the extension, pg_outbox.*.
 *
 * All of them are policy: only superusers, and roles that were granted SET on
 * them, can change them (PGC_SUSET).  The prefix is reserved, so a misspelt name
 * is an error once the module is loaded.
 */
#ifndef PG_OUTBOX_GUC_H
#define PG_OUTBOX_GUC_H

/* pg_outbox.max_event_bytes */
extern int outbox_max_event_bytes;

extern void outbox_define_settings(void);

/* Is this aggregate type in pg_outbox.allowed_types?  An empty list allows all. */
extern bool outbox_type_allowed(const char *type, int len);

#endif
