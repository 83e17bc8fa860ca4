/*
 * options_value.c
 *	  Values: text to number, and what is expected of a value in words.  Pure.
 *
 * Refuses everything that is not fully understood: trailing text, fractions,
 * units in another case where that could change the meaning, overflow.
 */
#include "options_intern.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

typedef struct Unit
{
	const char *name;
	int64_t factor;
} Unit;

static const Unit duration_units[] = {
	{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

static const Unit byte_units[] = {
	{"B", 1},
	{"kB", INT64_C(1) << 10},
	{"MB", INT64_C(1) << 20},
	{"GB", INT64_C(1) << 30},
	{"TB", INT64_C(1) << 40},
	{NULL, 0},
};

/* The limits of a spec; min == max == 0 stands for "no limits of its own". */
static void
limits_of(const OptionSpec *spec, int64_t *min, int64_t *max)
{
	*min = spec->min;
	*max = spec->max;
	if (spec->min != 0 || spec->max != 0)
		return;
	*min = spec->type == OPTION_INT ? INT64_MIN : 0;
	/* A duration is still a number when it is turned into microseconds. */
	*max = spec->type == OPTION_DURATION ? INT64_MAX / 1000 : INT64_MAX;
}

/* Reads an optional sign and digits; *text is left at what follows them. */
static bool
parse_number(const char **text, int64_t *number)
{
	const char *c = *text;
	bool negative = *c == '-';
	int64_t value = 0;

	if (negative)
		c++;
	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++)
	{
		int64_t digit = *c - '0';

		/* Counted downwards, because the most negative number has no positive twin. */
		if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
			__builtin_sub_overflow(value, digit, &value))
			return false;
	}
	if (!negative && __builtin_sub_overflow(INT64_C(0), value, &value))
		return false;
	*text = c;
	*number = value;
	return true;
}

static bool
parse_with_unit(const char *text, const Unit *units, const char *bare_unit, int64_t *number)
{
	int64_t value;

	if (!parse_number(&text, &value))
		return false;
	while (*text == ' ')
		text++;
	if (*text == '\0')
		text = bare_unit;
	for (const Unit *unit = units; unit->name != NULL; unit++)
	{
		/* Only sizes are taken in any case: there, no two units differ in it alone. */
		if (strcmp(text, unit->name) == 0 ||
			(units == byte_units && strcasecmp(text, unit->name) == 0))
			return !__builtin_mul_overflow(value, unit->factor, number);
	}
	return false;
}

static bool
parse_bool(const char *text, int64_t *number)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strcasecmp(text, words[i]) == 0)
		{
			*number = (int64_t) (i % 2);
			return true;
		}
	}
	return false;
}

static bool
parse_choice(const char *text, const char *choices, int64_t *number)
{
	size_t len = strlen(text);
	int64_t index = 0;

	for (const char *choice = choices;; index++)
	{
		size_t choice_len = strcspn(choice, "|");

		if (choice_len == len && len > 0 && memcmp(choice, text, len) == 0)
		{
			*number = index;
			return true;
		}
		if (choice[choice_len] == '\0')
			return false;
		choice += choice_len + 1;
	}
}

static const char *
bare_duration_unit(const OptionSpec *spec)
{
	return spec->unit != NULL && spec->unit[0] != '\0' ? spec->unit : "ms";
}

bool
option_value_parse(const OptionSpec *spec, const char *text, int64_t *number)
{
	int64_t value = 0;
	int64_t min;
	int64_t max;
	bool ok = false;

	switch (spec->type)
	{
		case OPTION_TEXT:
			*number = 0;
			return true;
		case OPTION_BOOL:
			return parse_bool(text, number);
		case OPTION_ENUM:
			return parse_choice(text, spec->choices, number);
		case OPTION_INT:
			ok = parse_number(&text, &value) && *text == '\0';
			break;
		case OPTION_DURATION:
			ok = parse_with_unit(text, duration_units, bare_duration_unit(spec), &value);
			break;
		case OPTION_BYTES:
			ok = parse_with_unit(text, byte_units, "B", &value);
			break;
	}
	limits_of(spec, &min, &max);
	if (!ok || value < min || value > max)
		return false;
	*number = value;
	return true;
}

/* A number in the largest unit that divides it. */
static void
append_number(Buffer *out, const OptionSpec *spec, int64_t value)
{
	const Unit *units = spec->type == OPTION_DURATION ? duration_units
						: spec->type == OPTION_BYTES  ? byte_units
													  : NULL;
	const Unit *best = units;

	if (units == NULL || value == 0)
	{
		buffer_printf(out, "%" PRId64, value);
		return;
	}
	for (const Unit *unit = units; unit->name != NULL; unit++)
	{
		if (value % unit->factor == 0)
			best = unit;
	}
	buffer_printf(out, "%" PRId64 "%s", value / best->factor, best->name);
}

void
option_expected(const OptionSpec *spec, Buffer *out)
{
	int64_t min;
	int64_t max;

	switch (spec->type)
	{
		case OPTION_TEXT:
			buffer_append_str(out, "text");
			return;
		case OPTION_BOOL:
			buffer_append_str(out, "on or off");
			return;
		case OPTION_ENUM:
			buffer_append_str(out, "one of ");
			for (const char *c = spec->choices; *c != '\0'; c++)
			{
				if (*c == '|')
					buffer_append_str(out, ", ");
				else
					buffer_append(out, c, 1);
			}
			return;
		case OPTION_INT:
			buffer_append_str(out, "a whole number");
			break;
		case OPTION_DURATION:
			buffer_append_str(out, "a duration (ms, s, min, h, d)");
			break;
		case OPTION_BYTES:
			buffer_append_str(out, "a size (B, kB, MB, GB, TB)");
			break;
	}
	limits_of(spec, &min, &max);
	if (spec->min == 0 && spec->max == 0)
		return;
	if (max >= INT64_MAX / 1000)
	{
		buffer_append_str(out, " of at least ");
		append_number(out, spec, min);
		return;
	}
	buffer_append_str(out, " from ");
	append_number(out, spec, min);
	buffer_append_str(out, " to ");
	append_number(out, spec, max);
}

bool
option_key_valid(const char *key, size_t len)
{
	if (len < 1 || len >= OPTION_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char c = key[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '_' || c == '-' || c == '.'))
			return false;
	}
	return true;
}
