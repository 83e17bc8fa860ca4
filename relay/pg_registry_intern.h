/*
 * pg_registry_intern.h
 *	  What the files of the ordinary connection share.  For pg_registry*.c alone.
 */
#ifndef OUTBOX_RELAY_PG_REGISTRY_INTERN_H
#define OUTBOX_RELAY_PG_REGISTRY_INTERN_H

#include "pg_link.h"
#include "pg_registry.h"

#define JOBS_MAX 16
#define PARAMS_MAX 13
#define NAME_SIZE 64
#define PARAM_TOPIC 1 /* of a topic's job: its name */

typedef struct Job
{
	RegistryJob kind;
	const char *sql;
	char *text; /* of a statement that was built; NULL otherwise */
	int param_count;
	char *params[PARAMS_MAX];
	int lengths[PARAMS_MAX]; /* of those in binary format */
	int formats[PARAMS_MAX]; /* 1: binary */
	Position position;		 /* of a dead letter */
} Job;

typedef struct RecordedTopic
{
	char name[TOPIC_NAME_MAX + 1];
	uint32_t partitions;
} RecordedTopic;

struct PgRegistry
{
	PgLink link;
	bool connected;
	char slot[NAME_SIZE];
	char publication[NAME_SIZE];
	Job jobs[JOBS_MAX]; /* a ring */
	int first;
	int count;
	bool running; /* the first one was sent */
	bool output_waits;
	MonoUsec deadline;			  /* of the running one */
	struct pg_result *row_result; /* the last one that came */
	bool job_failed;
	Error job_error;
	StoredRow row;
	bool farewell; /* the server said good-bye while nothing ran */
	Error farewell_error;
	RelayFacts facts;
	char *routing;
	char *snapshot; /* of the last heartbeat */
	RecordedTopic *topics;
	int topic_count;
};

/*
 * Copies params, of which NULL is SQL NULL; sql is a constant, or is built for a leaf
 * (0 to 2; else -1).  false: the queue is full or memory is out.
 */
extern MUST_CHECK bool registry_add_job(PgRegistry *registry, RegistryJob kind, const char *sql,
										int leaf, const char *const *params, int param_count);
extern void registry_free_job(Job *job);
/* Only where failpoints are: the connection ends, with the statement on its way. */
#ifdef OUTBOX_FAILPOINTS
extern bool registry_loses_job(const Job *job, Error *error);
#else
#define registry_loses_job(job, error) ((void) (error), false)
#endif

/* pg_registry_letters.c */
extern void registry_read_last_letter(PgRegistry *registry, const struct pg_result *result);
extern MUST_CHECK bool registry_ask_last_letter(PgRegistry *registry);
extern DeadLetterReceipt registry_receipt(const Job *job);

#endif
