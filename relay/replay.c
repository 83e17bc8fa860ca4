/*
 * replay.c
 *	  outbox-relay replay.
 *
 *	selection -> survey -> rows -> replay_send.c
 *
 * Refuses settings that put events elsewhere than the relay's did, and a selection of which rows
 * may be gone, unless told.  After a failure it says what was acknowledged, and another run sends
 * all of it again.
 *
 * Invariants: success means that each selected event was acknowledged by Kafka or is a committed
 * dead letter; the mark and the slot of the relay aren't touched.
 */
#include "replay.h"

#include "exit_codes.h"
#include "pg_facts.h"
#include "pg_rows.h"
#include "poison.h"

#include <string.h>

#define RUN_AGAIN "Run the replay again: consumers drop by their ids those that they had."

const char replay_help[] =
	"Of replay, which events of outbox.event (one of them at least):\n"
	"  --gap             those that a lost slot may have missed, after init --accept-gap\n"
	"  --since TIME, --until TIME  written in this time, TIME as PostgreSQL reads it\n"
	"  --id UUID[,UUID]...  with these ids\n"
	"  --aggregate TYPE[/ID]  of this aggregate type, or of one aggregate\n"
	"  --dry-run         say how many there are, and send none\n"
	"  --incomplete      also when some of them may be gone already\n"
	"\n";

typedef struct Replay
{
	const RelayConfig *config;
	ReplayRequest *request;
	FILE *out;
	SayFn say;
	void *arg;
	RelayFacts facts;
	TopicMap *topics;
	RouteRecord routing;
	PgRows *rows;
	RowSurvey survey;
	ReplayCounts counts;
} Replay;

ArgResult
replay_take_argument(ArgCursor *cursor, ReplayRequest *request, Error *error)
{
	ArgResult result = arg_flag(cursor, "--dry-run", &request->dry_run);

	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--incomplete", &request->incomplete);
	return result != ARG_UNKNOWN ? result : select_take_argument(cursor, &request->select, error);
}

/* -------------------------------------------------------------------------
 * what there is
 * -------------------------------------------------------------------------
 */

static void
print_survey(const Replay *replay)
{
	const RowSurvey *survey = &replay->survey;

	for (int i = 0; i < OUTBOX_LEAVES; i++)
	{
		const LeafSurvey *leaf = &survey->leaves[i];

		if (leaf->rows == 0)
			fprintf(replay->out, "outbox.event_%u: empty%s\n", leaf->leaf,
					leaf->current ? ", current" : "");
		else
			fprintf(replay->out, "outbox.event_%u: %llu events, written from %s to %s%s\n",
					leaf->leaf, (unsigned long long) leaf->rows, leaf->first, leaf->last,
					leaf->current ? ", current" : "");
	}
	fprintf(replay->out, "selected: %llu\n", (unsigned long long) survey->selected);
	fprintf(replay->out, "left to the relay: %llu\n", (unsigned long long) survey->not_yet);
	if (replay->request->select.gap && replay->facts.messages_before != LSN_INVALID)
		fputs(
			"note: events in the WAL alone (pg_outbox.storage = wal) have no rows: those that the "
			"lost slot still had are gone for good\n",
			replay->out);
}

static bool
look(Replay *replay, Error *error)
{
	SelectArgs *args = &replay->request->select;
	RowSelection selection;

	if (!select_finish(args, error))
		return false;
	selection = (RowSelection){
		.gap = args->gap,
		.since = args->since,
		.until = args->until,
		.ids = args->begun ? args->ids.data : NULL,
		.aggregate_type = args->aggregate_type[0] != '\0' ? args->aggregate_type : NULL,
		.aggregate_id = args->aggregate_id,
	};
	replay->topics = topic_map_create();
	if (replay->topics == NULL)
		return error_bug(error, "out of memory");
	if (!pg_facts_read_routing(replay->config, &replay->facts, replay->topics, &replay->routing,
							   error) ||
		!relay_check_database(&replay->facts, error) ||
		(replay->config->poison_policy == POISON_DEAD_LETTER &&
		 !relay_check_dead_letters(&replay->facts, error)) ||
		!pg_facts_check_routing(replay->config, &replay->routing, error))
		return false;
	replay->rows = pg_rows_open(replay->config, &selection, error);
	if (replay->rows == NULL || !pg_rows_survey(replay->rows, &replay->survey, error))
		return false;
	print_survey(replay);
	if (replay->survey.complete || replay->request->incomplete)
		return true;
	error_permanent(error, EXIT_GAP, "not all that was selected is there: %s",
					replay->survey.problem);
	return error_hint(error, "Pass --incomplete to replay what is there.");
}

/* -------------------------------------------------------------------------
 * out
 * -------------------------------------------------------------------------
 */

static void
print_counts(const Replay *replay)
{
	const ReplayCounts *counts = &replay->counts;

	fprintf(replay->out, "acknowledged: %llu\n", (unsigned long long) counts->acknowledged);
	fprintf(replay->out, "dead letters: %llu\n",
			(unsigned long long) (counts->dead_lettered + counts->dead_letters));
}

/* Every event that was selected is in Kafka, or in outbox.dead_letter. */
static bool
is_complete(const Replay *replay, Error *error)
{
	const ReplayCounts *counts = &replay->counts;
	uint64_t done = counts->acknowledged + counts->dead_lettered + counts->dead_letters;

	if (done == replay->survey.selected)
		return true;
	return error_bug(error, "%llu events were selected, and %llu acknowledged or dead letters",
					 (unsigned long long) replay->survey.selected, (unsigned long long) done);
}

static bool
replay_rows(Replay *replay, Error *error)
{
	const ReplayRequest *request = replay->request;
	ReplayJob job = {
		.config = replay->config,
		.facts = &replay->facts,
		.topics = replay->topics,
		.rows = replay->rows,
		.flag = request->select.gap ? ENVELOPE_REPLAYED_GAP : ENVELOPE_REPLAYED_AGAIN,
		.say = replay->say,
		.arg = replay->arg,
	};
	size_t used;
	bool ok = replay_send(&job, &replay->counts, error);

	print_counts(replay);
	if (ok)
		return is_complete(replay, error) &&
			   (!request->select.gap || pg_rows_close_gap(replay->rows, error));
	poison_hint(error, replay->config->poison_policy);
	used = strlen(error->hint);
	snprintf(error->hint + used, sizeof(error->hint) - used, "%s" RUN_AGAIN, used > 0 ? " " : "");
	return false;
}

bool
replay_run(const RelayConfig *config, ReplayRequest *request, FILE *out, SayFn say, void *arg,
		   Error *error)
{
	Replay replay = {.config = config, .request = request, .out = out, .say = say, .arg = arg};
	bool ok;

	ok = look(&replay, error) && (request->dry_run || replay_rows(&replay, error));
	pg_rows_close(replay.rows);
	topic_map_free(replay.topics);
	route_record_free(&replay.routing);
	select_args_free(&request->select);
	return ok;
}
