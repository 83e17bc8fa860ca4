/*
 * slots.h
 *	  What shared memory says about the replication slots of this database, and how
 *	  far the relays may be behind before writers hear of it.
 */
#ifndef PG_OUTBOX_SLOTS_H
#define PG_OUTBOX_SLOTS_H

/* Does one of these logical slots exist in this database, with all the WAL that it needs? */
extern bool outbox_any_slot_alive(const NameData *names, int count);

/*
 * Does what pg_outbox.backpressure says when a slot of pg_outbox.slots is more than
 * pg_outbox.max_lag behind the end of the WAL, is missing, or has lost WAL: nothing, a
 * warning (one in ten seconds and session), or an error of SQLSTATE OB001.
 */
extern void outbox_check_backpressure(void);

#endif
