/*
 * pg_params.c
 *	  Parameters of a statement, see pg_params.h.
 */
#include "pg_params.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The server's limit for a message is 1 GB. */
#define SCRATCH_LIMIT ((size_t) 1000 * 1000 * 1000)
/* What a quiet time gives back. */
#define SCRATCH_KEEP ((size_t) 8 * 1024 * 1024)

void
pg_params_init(PgParams *params)
{
	memset(params, 0, sizeof(*params));
	buffer_init(&params->scratch, SCRATCH_LIMIT);
}

void
pg_params_free(PgParams *params)
{
	buffer_free(&params->scratch);
	free(params->picked);
	free(params->latest);
	free(params->table);
	pg_params_init(params);
}

void
pg_params_start(PgParams *params)
{
	if (params->scratch.capacity > SCRATCH_KEEP)
	{
		buffer_free(&params->scratch);
		buffer_init(&params->scratch, SCRATCH_LIMIT);
	}
	buffer_reset(&params->scratch);
	params->count = 0;
}

void
pg_params_next(PgParams *params)
{
	params->offsets[params->count++] = params->scratch.len;
}

/* The buffer doesn't move any more: turn offsets into pointers. */
bool
pg_params_finish(PgParams *params)
{
	if (params->scratch.failed)
		return false;
	for (int i = 0; i < params->count; i++)
	{
		size_t end = i + 1 < params->count ? params->offsets[i + 1] : params->scratch.len;

		if (end - params->offsets[i] > INT_MAX)
			return false;
		params->values[i] = params->scratch.data + params->offsets[i];
		params->lengths[i] = (int) (end - params->offsets[i]);
		params->formats[i] = 1;
	}
	return true;
}

bool
pg_params_make_room(PgParams *params, size_t count)
{
	size_t room = 64;

	if (count <= params->room)
		return true;
	while (room < count)
		room *= 2;
	free(params->picked);
	free(params->latest);
	free(params->table);
	params->picked = malloc(room * sizeof(*params->picked));
	params->latest = malloc(room * sizeof(*params->latest));
	params->table = malloc(2 * room * sizeof(*params->table));
	params->room = room;
	if (params->picked != NULL && params->latest != NULL && params->table != NULL)
		return true;
	params->room = 0;
	return false;
}

void
pg_params_put_text(PgParams *params, const char *text)
{
	pg_params_next(params);
	buffer_append_str(&params->scratch, text);
}
