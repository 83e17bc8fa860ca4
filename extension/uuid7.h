/*
 * uuid7.h
 *	  Event ids.
 */
#ifndef PG_OUTBOX_UUID7_H
#define PG_OUTBOX_UUID7_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/*
 * A new UUID version 7.  Rises within a backend, also when "now" stands or steps
 * back; between backends the order is that of their clock readings.
 */
extern void outbox_uuid7(pg_uuid_t *uuid, TimestampTz now);

#endif
