/*
 * pg_audit.c
 *	  Queries over the application's tables.
 *
 * A request is known by its id alone: what the row says about its mode has to
 * agree, or it is a stranger's.
 */
#include "pg_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pg_session.h"
#include "request_id.h"
#include "walk.h"

#define STATEMENT_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define DRIVER_PREFIX "driver-"

typedef struct AuditContext
{
	const AuditConfig *config;
	Mode mode;
	Ledger *ledger;
} AuditContext;

typedef enum Owner
{
	OWNER_US,
	OWNER_OTHER_RUN,
	OWNER_STRANGER
} Owner;

static Owner
read_number(const AuditContext *context, const char *text, uint32_t *number)
{
	uint8_t id[UUID_SIZE];
	uint32_t run;
	Mode mode;

	if (!uuid_parse(text, strlen(text), id) ||
		!request_id_read(id, context->config->seed, &run, &mode, number) || mode != context->mode)
		return OWNER_STRANGER;
	return run == context->config->run ? OWNER_US : OWNER_OTHER_RUN;
}

static Owner
read_driver(const AuditContext *context, const char *text, uint32_t *driver)
{
	char *end;

	if (strncmp(text, DRIVER_PREFIX, strlen(DRIVER_PREFIX)) != 0)
		return OWNER_STRANGER;
	*driver = (uint32_t) strtoul(text + strlen(DRIVER_PREFIX), &end, 10);
	if (*end != '\0')
		return OWNER_STRANGER;
	if (*driver / DRIVERS_PER_RUN != context->config->run)
		return OWNER_OTHER_RUN;
	*driver %= DRIVERS_PER_RUN;
	return OWNER_US;
}

static bool
visit_stored(const char *const *columns, void *arg, Error *error)
{
	AuditContext *context = arg;
	uint32_t number;
	Owner owner = read_number(context, columns[0], &number);

	(void) error;
	if (owner == OWNER_US)
		ledger_stored(context->ledger, number);
	else if (owner == OWNER_STRANGER)
		ledger_stranger(context->ledger);
	return true;
}

static bool
visit_in_target(const char *const *columns, void *arg, Error *error)
{
	AuditContext *context = arg;
	uint32_t number;
	uint32_t driver;
	Owner owner = read_number(context, columns[0], &number);

	(void) error;
	if (owner == OWNER_OTHER_RUN)
		return true;
	if (owner == OWNER_STRANGER || read_driver(context, columns[1], &driver) != OWNER_US)
	{
		ledger_stranger(context->ledger);
		return true;
	}
	if (context->mode == MODE_DIRECT)
		ledger_stored(context->ledger, number);
	ledger_in_target(context->ledger, number, driver, strtoll(columns[2], NULL, 10));
	return true;
}

static bool
visit_latest(const char *const *columns, void *arg, Error *error)
{
	AuditContext *context = arg;
	uint32_t driver;
	Owner owner = read_driver(context, columns[0], &driver);

	(void) error;
	if (owner == OWNER_US)
		ledger_latest(context->ledger, driver, strtoll(columns[1], NULL, 10));
	else if (owner == OWNER_STRANGER)
		ledger_stranger(context->ledger);
	return true;
}

static bool
read_rows(const char *conninfo, const char *sql, const char *order, PgRowVisitor visit,
		  AuditContext *context, Error *error)
{
	PgSession *session = pg_session_open(conninfo, STATEMENT_TIMEOUT_USEC, error);
	char query[256];
	bool done;

	snprintf(query, sizeof(query), "%s WHERE mode = '%s' %s", sql, mode_name(context->mode), order);
	done = session != NULL && pg_session_each(session, query, visit, context, error);
	pg_session_close(session);
	return done;
}

bool
audit_mode(const AuditConfig *config, Mode mode, Ledger *ledger, Error *error)
{
	AuditContext context = {.config = config, .mode = mode, .ledger = ledger};

	if (mode == MODE_OUTBOX &&
		!read_rows(config->source_conninfo, "SELECT request_id FROM location_history", "",
				   visit_stored, &context, error))
		return false;
	return read_rows(config->target_conninfo,
					 "SELECT request_id, driver_id, version FROM location_history", "ORDER BY n",
					 visit_in_target, &context, error) &&
		   read_rows(config->target_conninfo, "SELECT driver_id, version FROM driver_location", "",
					 visit_latest, &context, error);
}
