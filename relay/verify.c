/*
 * verify.c
 *	  outbox-relay verify.
 *
 *	rows known to be published -> ids
 *	records from the window's time on -> counted by id
 *	ids of the window that no row was counted for -> looked for among all rows
 *	ids that no record was counted for -> looked for among the dead letters
 *
 * Refuses a window of more events than there is room for.
 *
 * Invariants: rows that the relay may still have to publish are never missing; a record
 * is unexpected only when no row of outbox.event has its id after it was read; memory is
 * that of the ids, given at the beginning.  Where a field makes the timestamps of records they
 * say nothing of the window: all records are read then, and none is unexpected.
 */
#include "verify.h"

#include "exit_codes.h"
#include "id_set.h"
#include "kafka_scan.h"
#include "pg_facts.h"
#include "pg_rows.h"
#include "position.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_EVENTS UINT64_C(1000000)
#define MOST_MAX_EVENTS UINT64_C(1000000000)
#define PATIENCE_USEC (30 * USEC_PER_SEC)
#define RETRY_USEC (200 * USEC_PER_MS)
#define IDS_PER_LOOK 10000
#define IDS_TEXT_MAX ((size_t) IDS_PER_LOOK * (UUID_TEXT_SIZE + 1))

const char verify_help[] =
	"Of verify:\n"
	"  --since TIME, --until TIME  events written in this time (default: all that outbox.event "
	"has)\n"
	"  --max-events N    room for so many ids, at 50 to 100 bytes each (default: 1000000)\n"
	"  --limit N         show so many differences of each kind (default: 100; 0: all)\n"
	"\n";

typedef struct Verify
{
	const RelayConfig *config;
	const VerifyRequest *request;
	FILE *out;
	RelayFacts facts;
	TopicMap *topics;
	IdSet *ids;
	int64_t since_ms;
	int64_t until_ms;
	bool full;
	uint64_t records; /* of the window's events */
	uint64_t stored;
	uint64_t missing;
	uint64_t doubled;
	uint64_t dead_lettered;
	uint64_t unexpected;
	char *published; /* the snapshot whose rows are compared */
	RowSurvey survey;
	uint64_t without_id; /* rows, which no record can be compared with */
	uint64_t replayed;
} Verify;

ArgResult
verify_take_argument(ArgCursor *cursor, VerifyRequest *request, Error *error)
{
	ArgResult result =
		arg_count(cursor, "--max-events", 1, MOST_MAX_EVENTS, &request->max_events, error);

	if (result == ARG_UNKNOWN)
		result = arg_count(cursor, "--limit", 0, UINT64_MAX, &request->limit, error);
	return result != ARG_UNKNOWN ? result : select_take_window(cursor, &request->window, error);
}

/* -------------------------------------------------------------------------
 * what there is
 * -------------------------------------------------------------------------
 */

static uint64_t
room(const Verify *verify)
{
	return verify->request->max_events > 0 ? verify->request->max_events : DEFAULT_MAX_EVENTS;
}

static bool
too_many(const Verify *verify, Error *error)
{
	error_permanent(error, EXIT_CONFIG, "the window has more than %llu events",
					(unsigned long long) room(verify));
	return error_hint(error, "Pass a shorter one (--since, --until), or a higher --max-events.");
}

static bool
take_rows(Verify *verify, PgRows *rows, Error *error)
{
	StoredRow row;
	IoResult io;

	if (!pg_rows_survey(rows, &verify->survey, error) ||
		!pg_rows_window(rows, &verify->since_ms, &verify->until_ms, error))
		return false;
	if (verify->survey.selected > room(verify))
		return too_many(verify, error);
	while ((io = pg_rows_next(rows, false, &row, error)) == IO_OK)
	{
		IdEntry *entry;

		if (row.no_id)
		{
			verify->without_id++;
			continue;
		}
		entry = id_set_add(verify->ids, row.id);
		if (entry == NULL)
			return too_many(verify, error);
		if (entry->stored < UINT16_MAX)
			entry->stored++;
		verify->stored++;
	}
	return io == IO_END;
}

static bool
read_table(Verify *verify, Error *error)
{
	const SelectArgs *window = &verify->request->window;
	RowSelection selection = {.since = window->since, .until = window->until};
	PgRows *rows;
	bool ok;

	verify->topics = topic_map_create();
	verify->ids = id_set_create(room(verify));
	if (verify->topics == NULL || verify->ids == NULL)
		return error_bug(error, "out of memory");
	if (!pg_facts_read(verify->config, &verify->facts, verify->topics, error) ||
		!relay_check_database(&verify->facts, error))
		return false;
	rows = pg_rows_open(verify->config, &selection, error);
	ok = rows != NULL && take_rows(verify, rows, error);
	if (ok)
	{
		verify->published = strdup(pg_rows_published(rows));
		ok = verify->published != NULL || error_bug(error, "out of memory");
	}
	pg_rows_close(rows);
	return ok;
}

/* -------------------------------------------------------------------------
 * the topics
 * -------------------------------------------------------------------------
 */

static void
count(uint16_t *number)
{
	if (*number < UINT16_MAX)
		(*number)++;
}

/* The timestamps of records are commit times, or those of a replay. */
static bool
times_are_ours(const Verify *verify)
{
	const char *field = verify->config->route.timestamp;

	return field == NULL || *field == '\0';
}

/* Of another event than those of the rows: did this source write it in the window? */
static bool
is_of_window(const Verify *verify, const ScannedRecord *record)
{
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	return times_are_ours(verify) && !record->replayed &&
		   record->timestamp_ms >= verify->since_ms && record->timestamp_ms < verify->until_ms &&
		   record->position.data != NULL &&
		   position_parse((const char *) record->position.data, record->position.len, source_id,
						  &position) &&
		   strcmp(source_id, verify->facts.source_id) == 0;
}

static void
take_record(const ScannedRecord *record, void *arg)
{
	Verify *verify = arg;
	uint8_t id[UUID_SIZE];
	IdEntry *entry;

	if (record->id.data == NULL || !uuid_parse((const char *) record->id.data, record->id.len, id))
		return;
	entry = id_set_find(verify->ids, id);
	if (entry == NULL && is_of_window(verify, record))
	{
		entry = id_set_add(verify->ids, id);
		verify->full |= entry == NULL;
	}
	if (entry == NULL)
		return;
	count(record->replayed ? &entry->replayed : &entry->found);
	verify->records++;
}

/* Brokers that are away get some time to come back; what was read isn't read again. */
static bool
read_topics(Verify *verify, Error *error)
{
	ScanFrom from = {.since_ms = times_are_ours(verify) ? verify->since_ms : 0};
	KafkaScan *scan =
		kafka_scan_open(verify->config, verify->topics, &from, take_record, verify, error);
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;
	IoResult io = scan != NULL ? IO_AGAIN : IO_FAILED;

	while (io == IO_AGAIN && !verify->full)
	{
		io = kafka_scan_step(scan, clock_mono(), error);
		if (io == IO_FAILED && error->error_class == ERROR_CLASS_TRANSIENT &&
			clock_mono() < give_up_at)
		{
			io = IO_AGAIN;
			clock_sleep_until(clock_mono() + RETRY_USEC);
		}
		else if (io == IO_AGAIN)
			clock_sleep_until(kafka_scan_wake_at(scan));
	}
	kafka_scan_free(scan);
	return verify->full ? too_many(verify, error) : io == IO_OK;
}

/* -------------------------------------------------------------------------
 * the difference
 * -------------------------------------------------------------------------
 */

/* It has a row after all: outside of the window, or one that came meanwhile. */
static void
mark_stored(const uint8_t *id, void *arg)
{
	Verify *verify = arg;
	IdEntry *entry = id_set_find(verify->ids, id);

	if (entry != NULL)
		count(&entry->stored);
}

static void
mark_dead_lettered(const uint8_t *id, void *arg)
{
	Verify *verify = arg;
	IdEntry *entry = id_set_find(verify->ids, id);

	if (entry != NULL)
		entry->dead_lettered = true;
}

static bool
has_no_row(const IdEntry *entry)
{
	return entry->stored == 0;
}

static bool
has_no_record(const IdEntry *entry)
{
	return entry->found == 0 && entry->replayed == 0;
}

typedef bool (*FindFn)(Verify *verify, const char *ids, Error *error);

static bool
find_rows(Verify *verify, const char *ids, Error *error)
{
	return pg_rows_find(verify->config, ids, mark_stored, verify, error);
}

static bool
find_letters(Verify *verify, const char *ids, Error *error)
{
	return pg_rows_find_letters(verify->config, ids, verify->published, mark_dead_lettered, verify,
								error);
}

static bool
look_for(Verify *verify, bool (*wanted)(const IdEntry *entry), FindFn find, Error *error)
{
	Buffer ids;
	uint64_t cursor = 0;
	int waiting = 0;
	bool ok = true;
	IdEntry *entry;

	buffer_init(&ids, IDS_TEXT_MAX);
	do
	{
		char text[UUID_TEXT_SIZE];

		entry = id_set_next(verify->ids, &cursor);
		if (entry != NULL && wanted(entry))
		{
			uuid_format(entry->id, text);
			buffer_append_str(&ids, waiting++ == 0 ? "{" : ",");
			buffer_append_str(&ids, text);
		}
		if (waiting == IDS_PER_LOOK - 1 || (entry == NULL && waiting > 0))
		{
			buffer_append_str(&ids, "}");
			ok = ids.failed ? error_bug(error, "out of memory") : find(verify, ids.data, error);
			buffer_reset(&ids);
			waiting = 0;
		}
	} while (ok && entry != NULL);
	buffer_free(&ids);
	return ok;
}

static bool
look_again(Verify *verify, Error *error)
{
	return look_for(verify, has_no_row, find_rows, error) &&
		   (!verify->facts.dead_letters_readable ||
			look_for(verify, has_no_record, find_letters, error));
}

/* One more of its kind: whether it gets a line. */
static bool
is_shown(const Verify *verify, uint64_t *number)
{
	return (*number)++ < verify->request->limit || verify->request->limit == 0;
}

static void
judge(Verify *verify, const IdEntry *entry)
{
	/* Messages are events, too, and have no rows. */
	bool rows_only = verify->facts.messages_before == LSN_INVALID;
	char id[UUID_TEXT_SIZE];

	uuid_format(entry->id, id);
	verify->replayed += entry->replayed;
	if (has_no_record(entry) && entry->dead_lettered)
		verify->dead_lettered++;
	else if (has_no_record(entry))
	{
		if (is_shown(verify, &verify->missing))
			fprintf(verify->out, "missing %s\n", id);
	}
	else if (entry->stored == 0 && rows_only)
	{
		if (is_shown(verify, &verify->unexpected))
			fprintf(verify->out, "unexpected %s\n", id);
	}
	else if (entry->found > (entry->stored > 0 ? entry->stored : 1))
	{
		if (is_shown(verify, &verify->doubled))
			fprintf(verify->out, "doubled %s %u\n", id, (unsigned) entry->found);
	}
}

static void
print_rest(const Verify *verify, uint64_t number, const char *kind)
{
	uint64_t limit = verify->request->limit;

	if (limit > 0 && number > limit)
		fprintf(verify->out, "and %llu more %s (--limit=0 shows all)\n",
				(unsigned long long) (number - limit), kind);
}

static void
print_notes(const Verify *verify)
{
	print_rest(verify, verify->missing, "missing");
	print_rest(verify, verify->doubled, "doubled");
	print_rest(verify, verify->unexpected, "unexpected");
	if (!verify->survey.complete)
		fprintf(verify->out, "note: %s\n", verify->survey.problem);
	if (verify->without_id > 0)
		fprintf(verify->out, "note: %llu rows have no id, and can't be compared\n",
				(unsigned long long) verify->without_id);
	if (verify->facts.messages_before != LSN_INVALID)
		fputs(
			"note: events in the WAL alone (pg_outbox.storage = wal) have no rows: whether one of "
			"them is missing can't be told\n",
			verify->out);
	if (verify->survey.not_yet > 0)
		fprintf(verify->out, "left to the relay: %llu\n",
				(unsigned long long) verify->survey.not_yet);
}

static void
print_counts(const Verify *verify)
{
	fprintf(verify->out,
			"events: %llu\nrecords: %llu\nreplayed: %llu\ndead letters: %llu\nmissing: %llu\n"
			"doubled: %llu\nunexpected: %llu\n",
			(unsigned long long) verify->stored, (unsigned long long) verify->records,
			(unsigned long long) verify->replayed, (unsigned long long) verify->dead_lettered,
			(unsigned long long) verify->missing, (unsigned long long) verify->doubled,
			(unsigned long long) verify->unexpected);
}

/* What is left to the relay comes through the slot.  A relay may be moving its position meanwhile. */
static bool
slot_is_there(const Verify *verify, Error *error)
{
	const RelayFacts *facts = &verify->facts;

	if (facts->slot_found && facts->slot_here && !facts->slot_lost)
		return true;
	return relay_check_slot(facts, verify->config->slot, error);
}

static VerifyVerdict
verdict_of(const Verify *verify)
{
	if (verify->missing + verify->unexpected > 0)
		return VERIFY_DIFFERENT;
	return verify->doubled > 0 ? VERIFY_DOUBLED : VERIFY_EQUAL;
}

bool
verify_run(const RelayConfig *config, const VerifyRequest *request, FILE *out,
		   VerifyVerdict *verdict, Error *error)
{
	Verify verify = {.config = config, .request = request, .out = out};
	bool ok =
		read_table(&verify, error) && read_topics(&verify, error) && look_again(&verify, error);
	uint64_t cursor = 0;
	const IdEntry *entry;

	while (ok && (entry = id_set_next(verify.ids, &cursor)) != NULL)
		judge(&verify, entry);
	*verdict = verdict_of(&verify);
	if (ok)
		print_notes(&verify);
	if (ok && !slot_is_there(&verify, error))
	{
		fprintf(out, "note: %s\n", error->message);
		ok = *verdict == VERIFY_DIFFERENT;
		print_counts(&verify);
	}
	else if (ok)
		print_counts(&verify);
	/* An error is said behind that, also where both streams are one. */
	fflush(out);
	free(verify.published);
	id_set_free(verify.ids);
	topic_map_free(verify.topics);
	return ok;
}
