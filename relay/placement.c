/*
 * placement.c
 *	  Where further fields of an event go.
 *
 * Refuses an item without a place or with more than an alias behind it, a place that
 * there isn't, a header that is the relay's own, "payload" in an envelope, a name that is
 * used twice in one place, and a second partition.
 */
#include "placement.h"
#include "exit_codes.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 3
#define SPACE " \t\r\n"

typedef struct Part
{
	const char *text;
	size_t len;
} Part;

static Part
trimmed(const char *text, size_t len)
{
	while (len > 0 && strchr(SPACE, text[0]) != NULL)
	{
		text++;
		len--;
	}
	while (len > 0 && strchr(SPACE, text[len - 1]) != NULL)
		len--;
	return (Part){text, len};
}

static bool
part_is(Part part, const char *word)
{
	return part.len == strlen(word) && memcmp(part.text, word, part.len) == 0;
}

static bool
bad_item(Part item, Error *error)
{
	error_permanent(error, EXIT_CONFIG, "\"%.*s\" is no placement",
					item.len > FIELD_NAME_MAX ? FIELD_NAME_MAX : (int) item.len, item.text);
	return error_hint(error, "Write field:header, field:envelope or field:partition, with :alias "
							 "behind it for another name, and commas between them.");
}

/* Into its parts; 0: too many. */
static int
split(Part item, Part *parts)
{
	int count = 0;

	for (;;)
	{
		const char *colon = memchr(item.text, ':', item.len);
		size_t len = colon != NULL ? (size_t) (colon - item.text) : item.len;

		if (count == PARTS_MAX)
			return 0;
		parts[count++] = trimmed(item.text, len);
		if (colon == NULL)
			return count;
		item.text += len + 1;
		item.len -= len + 1;
	}
}

static bool
take_kind(Part part, PlacementKind *kind)
{
	if (part_is(part, "header"))
		*kind = PLACE_HEADER;
	else if (part_is(part, "envelope"))
		*kind = PLACE_ENVELOPE;
	else if (part_is(part, "partition"))
		*kind = PLACE_PARTITION;
	else
		return false;
	return true;
}

static bool
check_alias(const Placements *placements, const Placement *placement, Error *error)
{
	ByteView alias = view_of(placement->alias);

	if (!view_is_utf8(alias))
		return error_permanent(error, EXIT_CONFIG, "an alias is not valid UTF-8");
	if (placement->kind == PLACE_HEADER && envelope_header_reserved(alias))
	{
		error_permanent(error, EXIT_CONFIG, "header \"%s\" is the relay's own", placement->alias);
		return error_hint(error, "Give the field an alias, as in field:header:name.");
	}
	if (placement->kind == PLACE_ENVELOPE && strcmp(placement->alias, ENVELOPE_PAYLOAD) == 0)
	{
		error_permanent(error, EXIT_CONFIG, "\"%s\" in the envelope is the payload itself",
						ENVELOPE_PAYLOAD);
		return error_hint(error, "Give the field another alias, as in field:envelope:name.");
	}
	for (int i = 0; i < placements->count; i++)
	{
		const Placement *other = &placements->items[i];

		if (other->kind == placement->kind && placement->kind != PLACE_PARTITION &&
			strcmp(other->alias, placement->alias) == 0)
			return error_permanent(error, EXIT_CONFIG, "\"%s\" is used twice in the same place",
								   placement->alias);
	}
	return true;
}

static bool
take_item(Placements *placements, Part item, FieldNames *names, Error *error)
{
	Placement *placement = &placements->items[placements->count];
	Part parts[PARTS_MAX];
	Part alias;
	int count = split(item, parts);

	if (count < 2 || parts[0].len == 0 || parts[count - 1].len == 0 ||
		!take_kind(parts[1], &placement->kind))
		return bad_item(item, error);
	if (placements->count == PLACEMENTS_MAX - 1)
		return error_permanent(error, EXIT_CONFIG, "more than %d placements", PLACEMENTS_MAX - 1);
	if (!field_parse(names, parts[0].text, parts[0].len, &placement->field, error))
		return false;
	alias = parts[count == 3 ? 2 : 0];
	if (alias.len > FIELD_NAME_MAX)
		return error_permanent(error, EXIT_CONFIG, "an alias has more than %d bytes",
							   FIELD_NAME_MAX);
	placement->alias = strndup(alias.text, alias.len);
	if (placement->alias == NULL)
		return error_bug(error, "out of memory");
	if (!check_alias(placements, placement, error) ||
		(placement->kind == PLACE_PARTITION && placements->partition.source != FIELD_NONE &&
		 !error_permanent(error, EXIT_CONFIG, "two fields are placed in the partition")))
	{
		free(placement->alias);
		placement->alias = NULL;
		return false;
	}
	if (placement->kind == PLACE_PARTITION)
		placements->partition = placement->field;
	placements->envelope |= placement->kind == PLACE_ENVELOPE;
	placements->count++;
	return true;
}

bool
placements_parse(Placements *placements, const char *text, FieldNames *names, Error *error)
{
	*placements = (Placements){.partition = {FIELD_NONE, -1}};
	for (;;)
	{
		size_t len = strcspn(text, ",");

		if (!take_item(placements, trimmed(text, len), names, error))
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

void
placements_free(Placements *placements)
{
	for (int i = 0; i < placements->count; i++)
		free(placements->items[i].alias);
	placements->count = 0;
}
