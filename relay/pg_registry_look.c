/*
 * pg_registry_look.c
 *	  The facts of the ordinary connection, for commands that are run once.
 *
 * Refuses nothing; the server may.  It blocks.
 */
#include "pg_registry.h"

#include <poll.h>

#define POLL_MS 1000

bool
registry_wait(PgRegistry *registry, RegistryReply *reply, Error *error)
{
	IoResult io;

	while ((io = registry_next(registry, clock_mono(), reply, error)) == IO_AGAIN)
	{
		struct pollfd ready = {registry_fd(registry), registry_events(registry), 0};

		(void) poll(&ready, 1, POLL_MS);
	}
	if (io != IO_OK)
		return false;
	if (reply->failed)
		*error = reply->error;
	return !reply->failed;
}

PgRegistry *
registry_look(const RelayConfig *config, Error *error)
{
	PgRegistry *registry = registry_open(config, clock_mono(), error);
	RegistryReply reply = {.failed = false};

	if (registry == NULL)
		return NULL;
	if ((registry_ask_facts(registry) || error_bug(error, "out of memory")) &&
		registry_wait(registry, &reply, error))
		return registry;
	registry_free(registry);
	return NULL;
}
