/*
 * pg_intern.h
 *	  What the files of the target share.  For pg_target.c, pg_request.c and
 *	  pg_answer.c alone.
 */
#ifndef OUTBOX_CONSUMER_PG_INTERN_H
#define OUTBOX_CONSUMER_PG_INTERN_H

#include <libpq-fe.h>

#include "pg_dial.h"
#include "pg_encode.h"
#include "pg_target.h"
#include "server_identity.h"

/* The statements of a pipeline, in the order of their answers. */
typedef enum PgStepKind
{
	PG_STEP_IDENTIFY,
	PG_STEP_SETTINGS,
	PG_STEP_VERSION,
	PG_STEP_PREPARE, /* a statement of ours */
	PG_STEP_PREPARE_HANDLER,
	PG_STEP_READ_BEGIN,
	PG_STEP_READ_PROGRESS,
	PG_STEP_READ_POSITIONS,
	PG_STEP_READ_END,
	PG_STEP_BEGIN,
	PG_STEP_TRACE,
	PG_STEP_ADVANCE,
	PG_STEP_HANDLER,
	PG_STEP_POSITIONS,
	PG_STEP_RECORD,
	PG_STEP_CLAIM,
	PG_STEP_FORGET,
	PG_STEP_LETTER,
	PG_STEP_COMMIT,
	PG_STEP_PROBE,
	PG_STEP_ROTATE,
	PG_STEP_ROLLBACK
} PgStepKind;

typedef struct PgStep
{
	PgStepKind kind;
	int handler;
} PgStep;

typedef enum PgPhase
{
	PG_CLOSED,
	PG_DIALING, /* to the dial's hosts */
	PG_IDENTIFYING,
	PG_PREPARING,
	PG_IDLE,
	PG_READING,
	PG_APPLYING,
	PG_PROBING,
	PG_ROTATING
} PgPhase;

typedef struct PgTarget
{
	Target base;
	PgTargetConfig config;
	PgDial dial;
	PGconn *conn;		  /* the dial's */
	ServerIdentity found; /* of this session */
	char server[320];	  /* the same for people */
	PgPhase phase;
	bool flushing; /* not everything is sent */
	MonoUsec started_at;
	MonoUsec deadline;
	PgStep *steps;
	int step_count;
	int step_room;
	int at;		  /* the step whose answer comes next */
	bool in_step; /* part of it came */
	bool failed;
	bool committed;
	bool read_only;		   /* a probe said so */
	TargetFailure failure; /* the first, when failed */
	TargetApply apply;	   /* the one under way */
	bool claiming;		   /* its first half is: ids are judged before handlers run */
	size_t claim_dropped;  /* records of it that were dropped then */
	PgParams params;
	PGresult *progress; /* what the last read found */
	PGresult *positions;
} PgTarget;

#define PG_INBOX_LAYOUT "2" /* of outbox_inbox, as outbox_inbox.version() says it */

/* pg_request.c: each fills the pipeline and ends it with a sync. */
extern bool pg_send_identify(PgTarget *target);
extern bool pg_send_setup(PgTarget *target);
extern bool pg_send_read(PgTarget *target, const TargetPlace *places, size_t count);
extern bool pg_send_apply(PgTarget *target, const TargetApply *apply);
/* The second half, once ids are judged. */
extern bool pg_send_apply_rest(PgTarget *target);
/* Whether records were dropped since the first half was sent. */
extern bool pg_apply_changed(const PgTarget *target);
extern bool pg_send_probe(PgTarget *target);
extern bool pg_send_rotate(PgTarget *target);
extern bool pg_send_rollback(PgTarget *target);

/* pg_answer.c: takes what came; TARGET_NOTHING: wait for more. */
extern TargetEvent pg_receive(PgTarget *target, TargetFailure *failure);
extern void pg_visit(const PgTarget *target, TargetProgressVisitor progress,
					 TargetPositionVisitor position, void *arg);
extern const char *pg_doing(const PgTarget *target);

#endif
