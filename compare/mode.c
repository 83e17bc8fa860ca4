/*
 * mode.c
 *	  Names of the modes.  Refuses what is not in the table, and a mode given twice.
 */
#include "mode.h"

#include <string.h>

static const char *const names[MODE_COUNT] = {
	[MODE_DIRECT] = "direct",
	[MODE_OUTBOX] = "outbox",
};

const char *
mode_name(Mode mode)
{
	return names[mode];
}

bool
mode_parse(const char *text, size_t len, Mode *mode)
{
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
		{
			*mode = (Mode) i;
			return true;
		}
	}
	return false;
}

bool
mode_parse_list(const char *text, bool *present)
{
	memset(present, 0, sizeof(bool) * MODE_COUNT);
	for (;;)
	{
		size_t len = strcspn(text, ",");
		Mode mode;

		if (!mode_parse(text, len, &mode) || present[mode])
			return false;
		present[mode] = true;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}
