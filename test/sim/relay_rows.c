/*
 * relay_rows.c
 *	  What the jobs of the ordinary connection do to the rows of the server, as the statements of
 *	  pg_registry_sql.h do it.
 *
 * Invariants: R1 and R9 of relay_world.h are asked here, of marks and dead letters.
 */
#include "relay_registry.h"

#include <stdio.h>
#include <string.h>

static void
fill_facts(PgRegistry *registry)
{
	const Server *server = &world->server;
	const Rows *rows = server_rows();
	RelayFacts *facts = &registry->facts;

	*facts = (RelayFacts){.server_version = 170006,
						  .server_timeline = server->timeline,
						  .wal_level = "logical",
						  .wal_sender_timeout_ms = WAL_SENDER_TIMEOUT / USEC_PER_MS,
						  .extension_found = true,
						  .publication_found = true,
						  .slot_found = true,
						  .slot_here = true,
						  .slot_synced = server->synced,
						  .slot_pid = server->holder != NULL ? 4711 : 0,
						  .slot_confirmed = server->confirmed,
						  .registered = true,
						  .generation = GENERATION,
						  .source_id = SOURCE_ID,
						  .system_identifier = SYSTEM_ID,
						  .timeline = rows->timeline,
						  .start_lsn = server->versions[0].mark_lsn,
						  .mark_lsn = rows->mark_lsn,
						  .routing_kept = true,
						  .delivery_recorded = true,
						  .exactly_once = rows->exactly_once,
						  .dead_letters_found = true,
						  .dead_letters_readable = true,
						  .dead_letters_writable = true};
	snprintf(facts->started, sizeof(facts->started), "%u", server->life);
	if (rows->has_last)
		(void) position_format(SOURCE_ID, &rows->last, facts->last_position);
	if (rows->has_letter)
		(void) position_format(SOURCE_ID, &rows->letter, facts->last_dead_letter);
	registry->routing = rows->routing;
	memcpy(registry->partitions, rows->partitions, sizeof(registry->partitions));
}

static void
write_mark(const Job *job, RegistryReply *reply)
{
	Rows *rows;

	check_settled(job->lsn, "the mark");
	if (job->text != NULL)
		check_snapshot(job->text);
	rows = server_write();
	if (job->lsn > rows->mark_lsn)
		rows->mark_lsn = job->lsn;
	if (job->has_position)
		rows->last = job->position;
	rows->has_last |= job->has_position;
	reply->rows = 1;
	reply->u.server_end = world->server.end;
	SIM_TRACE("server: mark %llX", (unsigned long long) job->lsn);
}

/* The snapshot is older than the message, and sees nothing that others don't see yet. */
static void
write_heartbeat(PgRegistry *registry, RegistryReply *reply)
{
	Server *server = &world->server;
	uint32_t xmin = server->xid;
	size_t len;

	for (int i = 0; i < server->entry_count; i++)
	{
		if (server->entries[i].seen_at > sim.now && server->entries[i].xid < xmin)
			xmin = server->entries[i].xid;
	}
	len = (size_t) snprintf(registry->snapshot, sizeof(registry->snapshot), "%u:%u:", xmin,
							server->xid);
	for (int i = 0; i < server->entry_count && len < sizeof(registry->snapshot) - 16; i++)
	{
		if (server->entries[i].seen_at > sim.now)
			len += (size_t) snprintf(registry->snapshot + len, 16, "%u,", server->entries[i].xid);
	}
	/* No comma ends a list. */
	if (registry->snapshot[len - 1] == ',')
		registry->snapshot[len - 1] = '\0';
	reply->u.heartbeat = (HeartbeatReply){registry->snapshot, server->end + 8, clock_pg()};
	(void) server_commit(0, true);
}

static SimEvent *
event_at(const Position *position)
{
	for (int i = 0; i < world->event_count; i++)
	{
		SimEvent *event = &world->events[i];

		if (!event->lost && event->commit_lsn == position->commit_lsn &&
			event->ordinal == position->ordinal)
			return event;
	}
	sim_fail("R3: a dead letter at %llX, %llu, where there is no event",
			 (unsigned long long) position->commit_lsn, (unsigned long long) position->ordinal);
}

static void
write_letter(const Job *job, RegistryReply *reply)
{
	SimEvent *event = event_at(&job->position);
	Rows *rows;

	SIM_CHECK(event->poison, "R3: event %d is a dead letter, and Kafka would take it",
			  (int) (event - world->events));
	/* All before it in its own transaction, too. */
	check_settled(event->commit_lsn, "a dead letter");
	for (const SimEvent *before = event;
		 before-- > world->events && before->commit_lsn == event->commit_lsn;)
		SIM_CHECK(event_is_settled(before),
				  "R1: a dead letter is written before event %d is settled",
				  (int) (before - world->events));
	rows = server_write();
	if (event->dead_lsn == LSN_INVALID)
		world->counts->given_up++;
	event->dead_lsn = rows->lsn;
	rows->letter = job->position;
	rows->has_letter = true;
	reply->u.receipt.position = job->position;
	SIM_TRACE("server: dead letter %d", (int) (event - world->events));
}

void
registry_run_job(PgRegistry *registry, const Job *job, RegistryReply *reply)
{
	Server *server = &world->server;
	Rows *rows = server_rows();
	int topic;

	switch (job->kind)
	{
		case REGISTRY_FACTS:
			fill_facts(registry);
			break;
		case REGISTRY_MARK:
			write_mark(job, reply);
			break;
		case REGISTRY_TIMELINE:
			rows = server_write();
			rows->timeline = job->number;
			if (job->lsn > rows->mark_lsn)
			{
				check_settled(job->lsn, "the mark of a new timeline");
				rows->mark_lsn = job->lsn;
			}
			reply->rows = 1;
			break;
		case REGISTRY_ROUTING:
			if (rows->routing != NULL)
				break;
			server_write()->routing = job->text;
			reply->rows = 1;
			break;
		case REGISTRY_DELIVERY:
			server_write()->exactly_once = job->flag;
			reply->rows = 1;
			break;
		case REGISTRY_TOPIC:
			topic = find_topic(job->topic);
			snprintf(reply->topic, sizeof(reply->topic), "%s", job->topic);
			if (rows->partitions[topic] == 0)
			{
				rows = server_write();
				rows->partitions[topic] = job->number;
			}
			reply->rows = 1;
			reply->u.partitions = sim_chance(world->loss) ? 0 : rows->partitions[topic];
			break;
		case REGISTRY_HEARTBEAT:
			write_heartbeat(registry, reply);
			break;
		case REGISTRY_DEAD_LETTER:
			write_letter(job, reply);
			break;
		case REGISTRY_FLUSHED:
			reply->u.server_end = server->end;
			break;
		case REGISTRY_SLOT:
			reply->u.slot_pid = server->holder != NULL ? 4711 : 0;
			break;
		case REGISTRY_SLOT_FACTS:
			reply->u.slot = (SlotFacts){.found = true,
										.wal_status = "reserved",
										.safe_wal_size = -1,
										.server_end = server->end};
			break;
		default:
			break; /* MAINTAIN, PUBLICATION: nothing is to be done here */
	}
}
