/*
 * request_id.h
 *	  The id of a request, from which the ledger knows which request it was.  Pure.
 *
 * A uuid of version 8 (RFC 9562: made by its own rule):
 *
 *	bytes 0-5	a hash of the seed
 *	byte  6		0x80 (version 8)
 *	byte  7		the mode
 *	byte  8		0x80 (variant)
 *	bytes 9-10	the run's number on its stage, in network byte order
 *	byte  11	0
 *	bytes 12-15	the request's number, in network byte order
 *
 * The same seed makes the same ids.  The requests of one run and mode are a range.
 */
#ifndef OUTBOX_COMPARE_REQUEST_ID_H
#define OUTBOX_COMPARE_REQUEST_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope.h"
#include "error.h"
#include "mode.h"

#define RUN_NUMBER_MAX 65535

extern void request_id_make(uint64_t seed, uint32_t run, Mode mode, uint32_t number, uint8_t *id);

/* False when the id was not made with this seed. */
extern MUST_CHECK bool request_id_read(const uint8_t *id, uint64_t seed, uint32_t *run, Mode *mode,
									   uint32_t *number);

#endif
