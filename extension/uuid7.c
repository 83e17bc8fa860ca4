/*
 * uuid7.c
 *	  UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, 12 bits
 *	  of the fraction of the millisecond (method 3 of section 6.2), 62 random bits.
 *
 * Random bytes are strong ones, because an id can be the only thing that keeps
 * somebody from guessing another one's event.  They are drawn in blocks: a draw
 * costs more than everything else here together.
 */
#include "postgres.h"

#include "fmgr.h"
#include "port.h"
#include "utils/timestamp.h"

#include "uuid7.h"

#define RANDOM_PER_UUID 8
#define RANDOM_BLOCK (512 * RANDOM_PER_UUID)

#define UNIX_EPOCH_USEC                                                                            \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC)

PG_FUNCTION_INFO_V1(outbox_uuid7_sql);

static uint8 random_block[RANDOM_BLOCK];
static int random_used = RANDOM_BLOCK;
static uint64 last_stamp = 0;

/* Milliseconds << 12 | fraction in 1/4096 of a millisecond, one more than the last at least. */
static uint64
next_stamp(TimestampTz now)
{
	uint64 usec = (uint64) (now + UNIX_EPOCH_USEC);
	uint64 stamp = (usec / 1000) << 12 | ((usec % 1000) << 12) / 1000;

	if (stamp <= last_stamp)
		stamp = last_stamp + 1;
	last_stamp = stamp;
	return stamp;
}

void
outbox_uuid7(pg_uuid_t *uuid, TimestampTz now)
{
	uint64 stamp = next_stamp(now);
	uint64 ms = stamp >> 12;

	if (random_used == RANDOM_BLOCK)
	{
		if (!pg_strong_random(random_block, RANDOM_BLOCK))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
		random_used = 0;
	}
	for (int i = 0; i < 6; i++)
		uuid->data[i] = (uint8) (ms >> (40 - 8 * i));
	uuid->data[6] = (uint8) (0x70 | ((stamp >> 8) & 0x0f));
	uuid->data[7] = (uint8) stamp;
	memcpy(uuid->data + 8, random_block + random_used, RANDOM_PER_UUID);
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
	random_used += RANDOM_PER_UUID;
}

/* outbox.uuid7() */
Datum
outbox_uuid7_sql(PG_FUNCTION_ARGS)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));

	outbox_uuid7(uuid, GetCurrentTimestamp());
	PG_RETURN_UUID_P(uuid);
}
