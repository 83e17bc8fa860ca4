/*
 * app_schema.h
 *	  The application's tables, the same in source and target, and the consumer's
 *	  handlers, which do to the target what a direct request does.
 */
#ifndef OUTBOX_COMPARE_APP_SCHEMA_H
#define OUTBOX_COMPARE_APP_SCHEMA_H

#define APP_TOPIC "outbox.event.driver"

extern const char *const app_schema_sql;
extern const char *const app_handlers_ini;

#endif
