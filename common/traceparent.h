/*
 * traceparent.h
 *	  The header of W3C Trace Context.  Pure.
 */
#ifndef OUTBOX_COMMON_TRACEPARENT_H
#define OUTBOX_COMMON_TRACEPARENT_H

#include <stdbool.h>

#include "reader.h"

#define TRACEPARENT_LEN 55

/*
 * Version, trace id, parent id and flags: "00-<32>-<16>-<2>" of lower-case hexadecimal
 * digits, ids not all 0, version not ff.  Of a later version, which may be longer, what
 * version 00 has.  False for anything else; then *valid is the NULL view.
 */
extern bool traceparent_parse(ByteView text, ByteView *valid);

/* Of a valid one: whether somebody records the trace. */
extern bool traceparent_is_sampled(ByteView valid);

#endif
