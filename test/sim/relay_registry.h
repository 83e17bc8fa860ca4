/*
 * relay_registry.h
 *	  The ordinary connection of the simulation, for relay_registry.c and relay_rows.c alone.
 */
#ifndef OUTBOX_TEST_RELAY_REGISTRY_H
#define OUTBOX_TEST_RELAY_REGISTRY_H

#include "relay_world.h"

#define JOBS 16

typedef struct Job
{
	RegistryJob kind;
	PgLsn lsn;
	Position position;
	bool has_position;
	const char *text;
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t number;
	bool flag;
} Job;

struct PgRegistry
{
	SimRelay *relay;
	unsigned life;
	bool connected;
	bool closed;
	bool lost;
	bool busy; /* the first job is at the server */
	bool answered;
	MonoUsec deadline;
	Job jobs[JOBS];
	int first;
	int count;
	RegistryReply reply;
	RelayFacts facts;
	const char *routing;
	uint32_t partitions[TOPICS];
	char snapshot[512];
};

/* What the statement does, and what it answers. */
extern void registry_run_job(PgRegistry *registry, const Job *job, RegistryReply *reply);

#endif
