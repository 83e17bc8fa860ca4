/*
 * pg_status.h
 *	  outbox-relay status: reads outbox.status.  It blocks, and changes nothing.
 */
#ifndef OUTBOX_RELAY_PG_STATUS_H
#define OUTBOX_RELAY_PG_STATUS_H

#include "relay_options.h"
#include "status_report.h"

/*
 * The row of the configured slot.  Errors: EXIT_NOT_INITIALIZED (no extension, an old one,
 * or no registration), EXIT_PERMISSION, TRANSIENT.
 */
extern MUST_CHECK bool pg_status_read(const RelayConfig *config, SlotStatus *status, Error *error);

#endif
