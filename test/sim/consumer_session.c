/*
 * consumer_session.c
 *	  target.h for the simulation: sessions of the target database.
 *
 * A request arrives at the server, is done there, and its answer comes, each after a while; the
 * connection may be lost before, in between, and after, and then nobody knows whether a COMMIT was
 * done: the server may do it later still, when its process lives on.
 *
 * Invariant: one request at a time.
 */
#include "consumer_world.h"

#include <string.h>

#define PATIENCE (2 * USEC_PER_SEC)

typedef enum Answer
{
	ANSWER_DONE,
	ANSWER_BAD,
	ANSWER_FENCED,
	ANSWER_TRANSIENT,
	ANSWER_READ_ONLY
} Answer;

struct Session
{
	Target base;
	Member *member;
	bool connected;
	bool lost;
	unsigned life;
	RequestKind request;
	MonoUsec answer_at; /* of the request, or of connecting */
	MonoUsec deadline;
	uint64_t number; /* of the request */
	Answer answer;
	Transaction *transaction;
	size_t dropped;
	const Batch *batch;
	size_t batch_head;
	int wanted[PARTITIONS];
	size_t wanted_count;
	Database found;
};

/* A request on its way; its session may be doing something else by the time that it arrives. */
typedef struct Errand
{
	Session *session;
	uint64_t number;
	unsigned life;
	RequestKind request;
	Transaction *transaction;
} Errand;

static bool
is_lost(const Session *session)
{
	return session->lost || (session->connected && session->life != land->life);
}

MonoUsec
session_ready_at(const Session *session)
{
	if (session->connected && is_lost(session))
		return sim.now;
	return session->answer_at < session->deadline ? session->answer_at : session->deadline;
}

static void
disconnect(Session *session)
{
	session->connected = false;
	session->lost = false;
	session->request = REQUEST_NONE;
	session->number++;
	session->answer_at = session->deadline = MONO_NEVER;
}

void
session_break(Session *session)
{
	session->lost = session->connected;
}

void
session_leave(Session *session)
{
	disconnect(session);
}

/* -------------------------------------------------------------------------
 * at the server
 * -------------------------------------------------------------------------
 */

static size_t
count_dropped(const Session *session)
{
	size_t dropped = 0;

	for (size_t i = 0; i < session->transaction->count; i++)
		dropped += session->transaction->records[i].record->dropped;
	return dropped;
}

static Answer
apply(const Errand *errand, bool is_heard)
{
	static const Answer answers[] = {[VERDICT_COMMITTED] = ANSWER_DONE,
									 [VERDICT_FENCED] = ANSWER_FENCED,
									 [VERDICT_BAD] = ANSWER_BAD};

	if (sim_chance(land->loss))
		return sim_chance(60) ? ANSWER_TRANSIENT : ANSWER_READ_ONLY;
	/* What went away between the two answers of a claim. */
	if (is_heard && count_dropped(errand->session) != errand->session->dropped)
		return ANSWER_TRANSIENT;
	return answers[database_run(errand->transaction, is_heard)];
}

static void
arrive(void *object)
{
	Errand *errand = object;
	Session *session = errand->session;
	bool is_heard = session->number == errand->number && !session->lost;
	Answer answer = ANSWER_DONE;

	/* Of a client that is gone the server may not have heard yet. */
	if (!land->up || errand->life != land->life || (!is_heard && sim_chance(50)))
		return;
	if (errand->request == REQUEST_APPLY)
		answer = apply(errand, is_heard);
	else if (sim_chance(land->loss))
		answer = ANSWER_READ_ONLY;
	else if (errand->request == REQUEST_READ)
		session->found = land->database;
	if (!is_heard)
		return;
	session->answer = answer;
	if (sim_chance(land->loss))
		session->lost = sim_chance(50); /* or the answer never comes */
	else
		session->answer_at = sim.now + some_delay();
}

static bool
ask(Session *session, RequestKind request)
{
	Errand *errand = sim_alloc(sizeof(*errand));

	SIM_CHECK(session->connected && session->request == REQUEST_NONE,
			  "a request beside another one");
	session->request = request;
	session->number++;
	session->answer_at = MONO_NEVER;
	session->deadline = sim.now + PATIENCE;
	*errand = (Errand){session, session->number, session->life, request, session->transaction};
	sim_after(some_delay(), arrive, errand);
	return true;
}

/* -------------------------------------------------------------------------
 * requests
 * -------------------------------------------------------------------------
 */

static TargetState
state(const Target *base)
{
	const Session *session = (const Session *) base;

	if (session->connected)
		return session->request == REQUEST_NONE ? TARGET_IDLE : TARGET_BUSY;
	return session->answer_at == MONO_NEVER ? TARGET_CLOSED : TARGET_CONNECTING;
}

static bool
connect_session(Target *base, MonoUsec now, TargetFailure *failure)
{
	Session *session = (Session *) base;

	(void) failure;
	session->answer_at = now + some_delay();
	session->deadline = MONO_NEVER;
	return true;
}

static bool
read_progress(Target *base, const TargetPlace *places, size_t count, MonoUsec now,
			  TargetFailure *failure)
{
	Session *session = (Session *) base;

	(void) now, (void) failure;
	session->wanted_count = count;
	for (size_t i = 0; i < count; i++)
		session->wanted[i] = places[i].partition;
	return ask(session, REQUEST_READ);
}

static void
take_letter(Transaction *transaction, const TargetLetter *letter)
{
	transaction->has_letter = letter != NULL;
	if (letter == NULL)
		return;
	transaction->letter_partition = letter->partition;
	transaction->letter_offset = letter->offset;
	transaction->letter_in_topic = letter->letter_topic != NULL;
	transaction->letter_in_row = letter->letter_topic == NULL && letter->value.len > 0;
}

static bool
apply_batch(Target *base, const TargetApply *request, MonoUsec now, TargetFailure *failure)
{
	Session *session = (Session *) base;
	Transaction *transaction = sim_alloc(sizeof(*transaction));

	(void) now, (void) failure;
	SIM_CHECK(request->move_count <= PARTITIONS && request->position_count <= PARTITIONS,
			  "C1: more moves than partitions");
	transaction->records = sim_alloc(request->count * sizeof(Taken));
	transaction->move_count = request->move_count;
	memcpy(transaction->moves, request->moves, request->move_count * sizeof(TargetMove));
	for (size_t i = 0; i < request->move_count; i++)
	{
		char *id = sim_alloc(BATCH_ID_TEXT_MAX + 1);

		memcpy(id, request->moves[i].last_id, strlen(request->moves[i].last_id) + 1);
		transaction->moves[i].last_id = id;
	}
	transaction->position_count = request->position_count;
	memcpy(transaction->positions, request->positions,
		   request->position_count * sizeof(TargetPosition));
	for (size_t i = request->batch->head; i < request->batch->head + request->count; i++)
	{
		BatchRecord *record = &request->batch->records[i];

		record->known = false;
		if (record->dropped)
			continue;
		transaction->records[transaction->count++] =
			(Taken){.partition = request->place(record->slot, request->arg).partition,
					.offset = record->offset,
					.repeated = record->repeated,
					.by_id = record->by_id,
					.dead = record->dead,
					.record = record};
	}
	take_letter(transaction, request->letter);
	session->transaction = transaction;
	session->dropped = count_dropped(session);
	return ask(session, REQUEST_APPLY);
}

static bool
probe(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) now, (void) failure;
	return ask((Session *) base, REQUEST_PROBE);
}

static bool
rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) now, (void) failure;
	return ask((Session *) base, REQUEST_ROTATE);
}

/* -------------------------------------------------------------------------
 * answers
 * -------------------------------------------------------------------------
 */

static TargetEvent
fail_lost(Session *session, RequestKind request, bool timed_out, TargetFailure *failure)
{
	disconnect(session);
	failure->failure = FAILURE_INFRASTRUCTURE;
	failure->lost = true;
	failure->unknown = request == REQUEST_APPLY;
	failure->timed_out = timed_out;
	error_transient(&failure->error, "the session is lost");
	return TARGET_FAILED;
}

static TargetEvent
tell(const Session *session, TargetFailure *failure)
{
	static const struct
	{
		FailureClass failure;
		const char *sqlstate;
	} failures[] = {[ANSWER_BAD] = {FAILURE_DATA, "22003"},
					[ANSWER_FENCED] = {FAILURE_FENCED, SQLSTATE_FENCED},
					[ANSWER_TRANSIENT] = {FAILURE_TRANSIENT, "40P01"},
					[ANSWER_READ_ONLY] = {FAILURE_INFRASTRUCTURE, "25006"}};

	if (session->answer == ANSWER_DONE)
		return TARGET_DONE;
	failure->failure = failures[session->answer].failure;
	failure->handler = session->answer == ANSWER_BAD ? 0 : -1;
	error_transient(&failure->error, "made up");
	memcpy(failure->error.sqlstate, failures[session->answer].sqlstate, 6);
	return TARGET_FAILED;
}

static TargetEvent
finish_connecting(Session *session, MonoUsec now, TargetFailure *failure)
{
	if (now < session->answer_at)
		return TARGET_NOTHING;
	if (!land->up || sim_chance(land->loss))
		return fail_lost(session, REQUEST_NONE, false, failure);
	session->connected = true;
	session->life = land->life;
	session->answer_at = MONO_NEVER;
	return TARGET_CONNECTED;
}

static TargetEvent
step(Target *base, MonoUsec now, TargetFailure *failure)
{
	Session *session = (Session *) base;
	RequestKind request = session->request;

	memset(failure, 0, sizeof(*failure));
	error_clear(&failure->error);
	failure->handler = -1;
	if (!session->connected)
		return finish_connecting(session, now, failure);
	if (is_lost(session))
		return fail_lost(session, request, false, failure);
	if (request == REQUEST_NONE)
		return TARGET_NOTHING;
	if (now >= session->answer_at)
	{
		session->request = REQUEST_NONE;
		session->answer_at = session->deadline = MONO_NEVER;
		return tell(session, failure);
	}
	if (now >= session->deadline)
		return fail_lost(session, request, true, failure);
	return TARGET_NOTHING;
}

static void
visit(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position, void *arg)
{
	const Session *session = (const Session *) base;

	for (size_t i = 0; i < session->wanted_count; i++)
	{
		const Applied *applied = &session->found.partitions[session->wanted[i]];
		TargetProgress row = {.topic = TOPIC,
							  .partition = session->wanted[i],
							  .next_offset = applied->next,
							  .last_offset = applied->last_offset,
							  .last_timestamp_ms = applied->last_timestamp_ms,
							  .moved_at_ms = applied->moved_at_ms,
							  .last_id = applied->last_id[0] != '\0' ? applied->last_id : NULL};
		TargetPosition found = {.topic = TOPIC,
								.partition = session->wanted[i],
								.source_id = SOURCE_ID,
								.position = applied->position};

		if (applied->found)
			progress(&row, arg);
		if (applied->has_position)
			position(&found, arg);
	}
}

static const char *
server(const Target *base)
{
	return ((const Session *) base)->connected ? "made up" : NULL;
}

static MonoUsec
wake_at(const Target *base)
{
	const Session *session = (const Session *) base;

	return session->connected ? session->deadline : session->answer_at;
}

static void
close_session(Target *base)
{
	disconnect((Session *) base);
}

static const TargetClass session_class = {
	.state = state,
	.connect = connect_session,
	.read = read_progress,
	.apply = apply_batch,
	.probe = probe,
	.rotate = rotate,
	.step = step,
	.visit = visit,
	.server = server,
	.wake_at = wake_at,
	.close = close_session,
};

Session *
session_create(Member *member)
{
	Session *session = sim_alloc(sizeof(*session));

	session->base.methods = &session_class;
	session->member = member;
	disconnect(session);
	return session;
}

Target *
session_target(Session *session)
{
	return &session->base;
}
