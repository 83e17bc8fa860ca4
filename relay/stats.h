/*
 * stats.h
 *	  /healthz, /readyz, /status and /metrics of the relay.
 */
#ifndef OUTBOX_RELAY_STATS_H
#define OUTBOX_RELAY_STATS_H

#include "http.h"
#include "relay.h"

typedef struct StatsPages
{
	const Relay *relay;
	const char *version;
} StatsPages;

/* An HttpHandler; arg is a StatsPages. */
extern bool stats_serve(const char *method, const char *path, HttpResponse *response, void *arg);

#endif
