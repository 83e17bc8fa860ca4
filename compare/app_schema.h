/*
 * app_schema.h
 *	  The application's tables, the same in source and target, and the consumer's
 *	  handlers, which do to the target what a direct request does.
 */
#ifndef OUTBOX_COMPARE_APP_SCHEMA_H
#define OUTBOX_COMPARE_APP_SCHEMA_H

#include "buffer.h"
#include "mode.h"

extern const char *const app_schema_sql;

/* Two handlers for each topic of the modes that are present. */
extern void app_handlers_write(const bool *modes, Buffer *ini);

#endif
