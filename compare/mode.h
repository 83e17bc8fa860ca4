/*
 * mode.h
 *	  The ways from a request to the target that are compared.
 */
#ifndef OUTBOX_COMPARE_MODE_H
#define OUTBOX_COMPARE_MODE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

typedef enum Mode
{
	MODE_DIRECT, /* the request's transaction is in the target database */
	MODE_OUTBOX, /* it is in the source database, with an event; relay and consumer do the rest */
	MODE_COUNT
} Mode;

extern const char *mode_name(Mode mode);
extern MUST_CHECK bool mode_parse(const char *text, size_t len, Mode *mode);

/* "direct,outbox": at least one, none twice.  present has MODE_COUNT elements. */
extern MUST_CHECK bool mode_parse_list(const char *text, bool *present);

#endif
