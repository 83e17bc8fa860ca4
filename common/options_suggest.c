/*
 * options_suggest.c
 *	  "Did you mean": the nearest name in the table by edit distance.  Pure.
 */
#include "options_intern.h"

#include <string.h>

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* '_' and '-' and '.' are the same here: mixing them up is the commonest mistake. */
static char
fold(char c)
{
	if (c == '_' || c == '-')
		return '.';
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Levenshtein distance of two names below OPTION_NAME_MAX bytes, a row at a time. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[OPTION_NAME_MAX];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++)
	{
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++)
		{
			size_t above = row[j];
			size_t change = diagonal + (fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1);

			row[j] = smallest(change, above + 1, row[j - 1] + 1);
			diagonal = above;
		}
	}
	return row[b_len];
}

size_t
options_misspelling(const char *name, const char *right)
{
	size_t len = strlen(name);
	size_t apart;

	if (len >= OPTION_NAME_MAX || strlen(right) >= OPTION_NAME_MAX)
		return SIZE_MAX;
	apart = distance(name, right);
	return apart < len / 4 + 2 ? apart : SIZE_MAX;
}

/* "slot" is the end of "postgres.slot". */
static bool
is_last_part(const char *name, const char *full)
{
	size_t len = strlen(name);
	size_t full_len = strlen(full);

	return len > 0 && full_len > len && full[full_len - len - 1] == '.' &&
		   strcmp(full + full_len - len, name) == 0;
}

const char *
option_suggest(const OptionTable *table, const char *name)
{
	size_t len = strlen(name);
	size_t best_distance = len / 4 + 2; /* farther away is no help */
	const char *best = NULL;

	if (len >= OPTION_NAME_MAX)
		return NULL;
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		const char *last = strrchr(name, '.');
		size_t apart = distance(name, spec->name);

		/* The right name in the wrong section is better than any misspelling. */
		if (is_last_part(last != NULL ? last + 1 : name, spec->name) && apart > 1)
			apart = 1;
		if (apart < best_distance)
		{
			best_distance = apart;
			best = spec->name;
		}
	}
	return best;
}

const char *
option_suggest_section(const OptionTable *table, const char *section, int *section_len)
{
	size_t best_distance = strlen(section) / 4 + 2;
	const char *best = NULL;

	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		size_t len = strcspn(spec->name, ".");
		char name[OPTION_NAME_MAX];
		size_t apart;

		if (spec->name[len] == '\0' || len >= sizeof(name))
			continue;
		memcpy(name, spec->name, len);
		name[len] = '\0';
		apart = distance(section, name);
		if (apart < best_distance)
		{
			best_distance = apart;
			best = spec->name;
			*section_len = (int) len;
		}
	}
	return best;
}
