/*
 * scenario_store.c
 *	  scenarios/ as the Makefile has put it into the program, and files.
 */
#include "scenario_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

static const StoredScenario stored[] = {
#include "scenarios.h"
	{NULL, NULL}};

const StoredScenario *
scenario_store(void)
{
	return stored;
}

static bool
is_path(const char *name)
{
	static const char suffix[] = ".scenario";
	size_t len = strlen(name);

	return strchr(name, '/') != NULL ||
		   (len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0);
}

/* With its length, which shows whether there is a zero in it. */
static char *
read_file(const char *path, size_t *len, Error *error)
{
	char *text = malloc(SCENARIO_SIZE_MAX + 2);
	FILE *file = fopen(path, "re");

	if (text == NULL)
		error_bug(error, "out of memory");
	else if (file == NULL)
		error_permanent(error, EXIT_CONFIG, "could not open \"%s\": %s", path, strerror(errno));
	else
	{
		*len = fread(text, 1, SCENARIO_SIZE_MAX + 1, file);
		text[*len] = '\0';
		if (ferror(file) == 0)
		{
			fclose(file);
			return text;
		}
		error_permanent(error, EXIT_CONFIG, "could not read \"%s\"", path);
	}
	if (file != NULL)
		fclose(file);
	free(text);
	return NULL;
}

bool
scenario_find(const char *name, Scenario *scenario, char **text, Error *error)
{
	size_t len;

	*text = NULL;
	if (is_path(name))
	{
		*text = read_file(name, &len, error);
		return *text != NULL && scenario_parse(scenario, name, *text, len, error);
	}
	for (const StoredScenario *entry = stored; entry->name != NULL; entry++)
	{
		if (strcmp(entry->name, name) != 0)
			continue;
		*text = strdup(entry->text);
		if (*text == NULL)
			return error_bug(error, "out of memory");
		return scenario_parse(scenario, name, *text, strlen(*text), error);
	}
	error_permanent(error, EXIT_CONFIG, "there is no scenario \"%s\"", name);
	return error_hint(error, "outbox-compare list shows those that there are. A file of your own "
							 "is given with a slash or as NAME.scenario.");
}
