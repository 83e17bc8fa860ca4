/*
 * lag.c
 *	  How far Kafka is behind PostgreSQL, in seconds.
 *
 * Refuses nothing: it compares positions and times that it is given.
 *
 * Invariants: what was seen ahead counts from when it was first seen; a stream that is lost
 * and made again doesn't start the count anew, unless it had caught up.
 */
#include "lag.h"

/* The end of a record, and the beginning of the next page behind it, are the same place. */
#define PAGE_HEADER 40

static bool
is_ahead(PgLsn server_end, PgLsn confirmed)
{
	return server_end > confirmed && server_end - confirmed > PAGE_HEADER;
}

void
lag_init(LagClock *lag, MonoUsec now)
{
	*lag = (LagClock){.blind = true, .blind_since = now};
}

void
lag_stream(LagClock *lag, PgLsn server_end, PgLsn confirmed, MonoUsec now)
{
	lag->newest = server_end;
	lag->newest_at = now;
	lag->ahead = is_ahead(server_end, confirmed) ? server_end : LSN_INVALID;
	if (!lag->blind)
		lag->blind_since = now;
	lag->ahead_since = lag->blind_since;
	lag->blind = false;
}

void
lag_no_stream(LagClock *lag, MonoUsec now)
{
	if (lag->blind)
		return;
	lag->blind = true;
	lag->blind_since = lag->ahead != LSN_INVALID ? lag->ahead_since : now;
}

void
lag_stand_by(LagClock *lag, MonoUsec now)
{
	lag->blind = true;
	lag->blind_since = now;
	lag->ahead = LSN_INVALID;
}

void
lag_server_at(LagClock *lag, PgLsn server_end, PgLsn confirmed, MonoUsec now)
{
	if (lag->blind || server_end <= lag->newest)
		return;
	lag->newest = server_end;
	lag->newest_at = now;
	if (lag->ahead == LSN_INVALID && is_ahead(server_end, confirmed))
	{
		lag->ahead = server_end;
		lag->ahead_since = now;
	}
}

void
lag_confirmed(LagClock *lag, PgLsn confirmed)
{
	if (lag->ahead == LSN_INVALID || is_ahead(lag->ahead, confirmed))
		return;
	lag->ahead = is_ahead(lag->newest, confirmed) ? lag->newest : LSN_INVALID;
	lag->ahead_since = lag->newest_at;
}

double
lag_seconds(const LagClock *lag, int64_t oldest_age_usec, MonoUsec now)
{
	int64_t most = oldest_age_usec > 0 ? oldest_age_usec : 0;

	if (lag->blind && now - lag->blind_since > most)
		most = now - lag->blind_since;
	if (!lag->blind && lag->ahead != LSN_INVALID && now - lag->ahead_since > most)
		most = now - lag->ahead_since;
	return (double) most / (double) USEC_PER_SEC;
}
