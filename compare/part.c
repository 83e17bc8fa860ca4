/*
 * part.c
 *	  Names of parts and links.  Refuses what is not in the tables.
 */
#include "part.h"

#include <string.h>

static const char *const part_names[PART_COUNT] = {
	[PART_TARGET] = "target", [PART_SOURCE] = "source",		[PART_BROKER] = "broker",
	[PART_RELAY] = "relay",	  [PART_CONSUMER] = "consumer", [PART_APP] = "app",
};

static const char *const link_names[LINK_COUNT] = {
	[LINK_APP_TARGET] = "app-target",
	[LINK_APP_SOURCE] = "app-source",
	[LINK_CONSUMER_TARGET] = "consumer-target",
	[LINK_RELAY_SOURCE] = "relay-source",
};

static bool
is_name(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

const char *
part_name(Part part)
{
	return part_names[part];
}

const char *
link_name(Link link)
{
	return link_names[link];
}

Part
link_end(Link link)
{
	return link == LINK_APP_TARGET || link == LINK_CONSUMER_TARGET ? PART_TARGET : PART_SOURCE;
}

bool
part_parse(const char *text, size_t len, Part *part)
{
	for (int i = 0; i < PART_COUNT; i++)
	{
		if (is_name(part_names[i], text, len))
		{
			*part = (Part) i;
			return true;
		}
	}
	return false;
}

bool
links_parse(const char *text, size_t len, unsigned *links)
{
	*links = 0;
	for (int i = 0; i < LINK_COUNT; i++)
	{
		if (is_name(link_names[i], text, len) || is_name(part_names[link_end((Link) i)], text, len))
			*links |= LINK_BIT(i);
	}
	return *links != 0;
}
