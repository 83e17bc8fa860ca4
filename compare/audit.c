/*
 * audit.c
 *	  Whose a row is.
 *
 * A request is known by its id alone: what the row says about its mode has to
 * agree, or it is a stranger's.
 */
#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "request_id.h"
#include "walk.h"

#define DRIVER_PREFIX "driver-"

typedef enum Owner
{
	OWNER_US,
	OWNER_OTHER_RUN,
	OWNER_STRANGER
} Owner;

static Owner
read_number(const Audit *audit, const char *text, uint32_t *number)
{
	uint8_t id[UUID_SIZE];
	uint32_t run;
	Mode mode;

	if (!uuid_parse(text, strlen(text), id) ||
		!request_id_read(id, audit->config->seed, &run, &mode, number) || mode != audit->mode)
		return OWNER_STRANGER;
	return run == audit->config->run ? OWNER_US : OWNER_OTHER_RUN;
}

static Owner
read_driver(const Audit *audit, const char *text, uint32_t *driver)
{
	char *end;

	if (strncmp(text, DRIVER_PREFIX, strlen(DRIVER_PREFIX)) != 0)
		return OWNER_STRANGER;
	*driver = (uint32_t) strtoul(text + strlen(DRIVER_PREFIX), &end, 10);
	if (*end != '\0')
		return OWNER_STRANGER;
	if (*driver / DRIVERS_PER_RUN != audit->config->run)
		return OWNER_OTHER_RUN;
	*driver %= DRIVERS_PER_RUN;
	return OWNER_US;
}

void
audit_stored(const Audit *audit, const char *request_id)
{
	uint32_t number;
	Owner owner = read_number(audit, request_id, &number);

	if (owner == OWNER_US)
		ledger_stored(audit->ledger, number);
	else if (owner == OWNER_STRANGER)
		ledger_stranger(audit->ledger);
}

void
audit_in_target(const Audit *audit, const char *request_id, const char *driver_id, int64_t version,
				UnixUsec visible_at)
{
	uint32_t number;
	uint32_t driver;
	Owner owner = read_number(audit, request_id, &number);

	if (owner == OWNER_OTHER_RUN)
		return;
	if (owner == OWNER_STRANGER || read_driver(audit, driver_id, &driver) != OWNER_US)
	{
		ledger_stranger(audit->ledger);
		return;
	}
	if (mode_writes_target(audit->mode))
		ledger_stored(audit->ledger, number);
	ledger_in_target(audit->ledger, number, driver, version, visible_at);
}

void
audit_latest(const Audit *audit, const char *driver_id, int64_t version)
{
	uint32_t driver;
	Owner owner = read_driver(audit, driver_id, &driver);

	if (owner == OWNER_US)
		ledger_latest(audit->ledger, driver, version);
	else if (owner == OWNER_STRANGER)
		ledger_stranger(audit->ledger);
}

bool
audit_mode(const AuditConfig *config, Mode mode, Ledger *ledger, Error *error)
{
	Audit audit = {.config = config, .mode = mode, .ledger = ledger};

	if (mode_writes_source(mode) && !pg_audit_source(&audit, error))
		return false;
	if (!mode_writes_source(mode) && mode_produces(mode) && !kafka_audit_topic(&audit, error))
		return false;
	return pg_audit_target(&audit, error);
}
