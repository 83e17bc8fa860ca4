/*
 * report_command.c
 *	  The report's files made again from report.json.
 */
#include "report_command.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "exit_codes.h"
#include "report_render.h"

#define OUT "--out="

static bool
wrong(Error *error, const char *what, const char *argument)
{
	error_permanent(error, EXIT_CONFIG, "%s%s%s", what, argument != NULL ? ": " : "",
					argument != NULL ? argument : "");
	return error_hint(error, "Usage: outbox-compare report FILE.json [--out=DIR]");
}

bool
report_command(int argc, char **argv, Error *error)
{
	const char *json = NULL;
	const char *directory = NULL;
	char page[PATH_MAX];

	for (int i = 1; i < argc; i++)
	{
		if (strncmp(argv[i], OUT, strlen(OUT)) == 0 && argv[i][strlen(OUT)] != '\0')
			directory = argv[i] + strlen(OUT);
		else if (argv[i][0] == '-')
			return wrong(error, "unknown option of report", argv[i]);
		else if (json != NULL)
			return wrong(error, "one report at a time", argv[i]);
		else
			json = argv[i];
	}
	if (json == NULL)
		return wrong(error, "no report was named", NULL);
	if (!report_render(json, directory, page, sizeof(page), error))
		return false;
	printf("%s\n", page);
	return true;
}
