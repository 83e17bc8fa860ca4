/*
 * stats.h
 *	  /healthz, /readyz, /status and /metrics of the relay.
 *
 *	/healthz	200: the loop turns, whoever is away
 *	/readyz		200 while streaming or standing by, also while Kafka is cut off (docs/decisions/0108)
 *	/status		JSON
 *	/metrics	Prometheus text
 */
#ifndef OUTBOX_RELAY_STATS_H
#define OUTBOX_RELAY_STATS_H

#include "http.h"
#include "options.h"
#include "relay.h"
#include "reload.h"

typedef struct StatsPages
{
	const Relay *relay;
	const Options *options;
	const ReloadInfo *reload;
} StatsPages;

/* An HttpHandler; arg is a StatsPages. */
extern bool stats_serve(const char *method, const char *path, HttpResponse *response, void *arg);

/* One line for people, as after /readyz and for a service manager. */
#define STATS_LINE_SIZE 200
extern void stats_line(const RelayStatus *status, char line[STATS_LINE_SIZE]);

#endif
