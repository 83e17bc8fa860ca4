/*
 * registration.h
 *	  Whether a registered relay takes logical messages as events.
 */
#ifndef PG_OUTBOX_REGISTRATION_H
#define PG_OUTBOX_REGISTRATION_H

/*
 * Raises an error unless wal_level is logical and the slot of at least one relay that is
 * registered for messages (outbox.relay.wal_messages) exists and has its WAL.  Keeps a
 * lock on outbox.relay until the transaction ends, so that outbox-relay init can wait for
 * transactions that were told yes.
 */
extern void outbox_require_reader(void);

#endif
