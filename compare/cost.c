/*
 * cost.c
 *	  Processor time from /proc, WAL from the servers.
 */
#include "cost.h"

#include <stdio.h>
#include <string.h>

#include "pg_session.h"
#include "proc_tree.h"
#include "sample.h"

#define QUERY_TIMEOUT_USEC (2 * USEC_PER_SEC)

static void
read_lsn(const char *conninfo, char *lsn, size_t size)
{
	Error ignored;
	PgSession *session = pg_session_open(conninfo, QUERY_TIMEOUT_USEC, &ignored);

	if (session == NULL ||
		!pg_session_text(session, "SELECT pg_current_wal_lsn()", lsn, size, &ignored))
		lsn[0] = '\0';
	pg_session_close(session);
}

static int64_t
wal_since(const char *conninfo, const char *lsn)
{
	Error ignored;
	PgSession *session;
	char query[96];
	int64_t bytes = UNSEEN;

	if (lsn[0] == '\0')
		return UNSEEN;
	session = pg_session_open(conninfo, QUERY_TIMEOUT_USEC, &ignored);
	snprintf(query, sizeof(query), "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '%s')::bigint",
			 lsn);
	if (session == NULL || !pg_session_number(session, query, &bytes, &ignored))
		bytes = UNSEEN;
	pg_session_close(session);
	return bytes;
}

void
cost_start(CostMeter *meter, const Stage *stage)
{
	memset(meter, 0, sizeof(*meter));
	for (int part = 0; part < PART_COUNT; part++)
		meter->pid[part] = stage_pid(stage, (Part) part);
	proc_tree_cpu(meter->pid, meter->seen_usec, PART_COUNT);
	read_lsn(stage_target(stage)->conninfo, meter->target_lsn, sizeof(meter->target_lsn));
	if (stage_has(stage, PART_SOURCE))
		read_lsn(stage_source(stage)->conninfo, meter->source_lsn, sizeof(meter->source_lsn));
}

void
cost_look(CostMeter *meter, const Stage *stage)
{
	pid_t pids[PART_COUNT];
	int64_t used[PART_COUNT];

	for (int part = 0; part < PART_COUNT; part++)
		pids[part] = stage_pid(stage, (Part) part);
	proc_tree_cpu(pids, used, PART_COUNT);
	for (int part = 0; part < PART_COUNT; part++)
	{
		if (pids[part] == 0)
			continue;
		if (pids[part] != meter->pid[part])
		{
			meter->pid[part] = pids[part];
			meter->seen_usec[part] = 0;
		}
		/* Of a child that was killed with its parent nobody has the numbers any more. */
		if (used[part] > meter->seen_usec[part])
		{
			meter->total_usec[part] += used[part] - meter->seen_usec[part];
			meter->seen_usec[part] = used[part];
		}
	}
}

void
cost_end(CostMeter *meter, const Stage *stage, Cost *cost)
{
	cost_look(meter, stage);
	for (int part = 0; part < PART_COUNT; part++)
		cost->cpu_s[part] = stage_has(stage, (Part) part)
								? (double) meter->total_usec[part] / USEC_PER_SEC
								: UNSEEN;
	cost->target_wal_bytes = wal_since(stage_target(stage)->conninfo, meter->target_lsn);
	cost->source_wal_bytes = stage_has(stage, PART_SOURCE)
								 ? wal_since(stage_source(stage)->conninfo, meter->source_lsn)
								 : UNSEEN;
}
