/*
 * finding.c
 *	  What doctor found in one check, and the line that mends it.
 *
 * Refuses nothing.  What doesn't fit is cut off in the words; a remedy that doesn't
 * fit becomes advice, because half a line must not be executed.
 */
#include "finding.h"

#include <stdio.h>
#include <string.h>

typedef struct PlaceNames
{
	const char *name;
	const char *title;
} PlaceNames;

static const PlaceNames places[] = {
	[REMEDY_NONE] = {"", ""},
	[REMEDY_ADVICE] = {"advice", "to do"},
	[REMEDY_SQL] = {"sql", "SQL"},
	[REMEDY_REPLICATION] = {"replication", "SQL on a replication connection, without a relay"},
	[REMEDY_RELOAD] = {"postgresql.conf reload", "postgresql.conf, then reload"},
	[REMEDY_RESTART] = {"postgresql.conf restart", "postgresql.conf, then restart"},
	[REMEDY_HBA] = {"pg_hba.conf reload", "pg_hba.conf, first line, then reload"},
	[REMEDY_SHELL] = {"shell", "shell"},
	[REMEDY_SETTING] = {"relay setting", "the relay's configuration file, then reload it"},
};

void
finding_begin(Finding *finding, const char *check)
{
	memset(finding, 0, sizeof(*finding));
	finding->check = check;
}

void
finding_set(Finding *finding, FindingSeverity severity, const char *fmt, ...)
{
	va_list args;

	finding->severity = severity;
	va_start(args, fmt);
	(void) vsnprintf(finding->found, sizeof(finding->found), fmt, args);
	va_end(args);
}

void
finding_set_error(Finding *finding, FindingSeverity severity, const Error *error)
{
	if (error->detail[0] != '\0')
		finding_set(finding, severity, "%s (%s)", error->message, error->detail);
	else
		finding_set(finding, severity, "%s", error->message);
}

void
finding_mend(Finding *finding, RemedyPlace place, const char *fmt, ...)
{
	va_list args;
	int len;

	finding->place = place;
	va_start(args, fmt);
	len = vsnprintf(finding->remedy, sizeof(finding->remedy), fmt, args);
	va_end(args);
	if (len < 0 || (size_t) len >= sizeof(finding->remedy))
	{
		finding->place = REMEDY_ADVICE;
		snprintf(finding->remedy, sizeof(finding->remedy),
				 "see docs/operations.md, \"Doctor\": the line is too long to be shown");
	}
}

bool
finding_shell_word(const char *text, char *out, size_t size)
{
	size_t used = 0;

	if (*text != '\0' &&
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:=@%,-") ==
			strlen(text))
		return (size_t) snprintf(out, size, "%s", text) < size;
	if (size < 8)
		return false;
	out[used++] = '\'';
	for (; *text != '\0' && used + 6 < size; text++)
	{
		if (*text == '\'')
			used += (size_t) snprintf(out + used, size - used, "'\\''");
		else
			out[used++] = *text;
	}
	out[used++] = '\'';
	out[used] = '\0';
	return *text == '\0';
}

void
finding_mend_by_relay(Finding *finding, const DoctorSetup *setup, const char *command)
{
	char file[1024];

	if (setup->config_file == NULL)
		finding_mend(finding, REMEDY_SHELL, "outbox-relay %s", command);
	else if (finding_shell_word(setup->config_file, file, sizeof(file)))
		finding_mend(finding, REMEDY_SHELL, "outbox-relay --config %s %s", file, command);
	else
		finding_mend(finding, REMEDY_ADVICE, "outbox-relay %s, with the same configuration",
					 command);
}

const char *
finding_severity_name(FindingSeverity severity)
{
	switch (severity)
	{
		case FINDING_OK:
			return "ok";
		case FINDING_WARNING:
			return "warning";
		case FINDING_ERROR:
			return "error";
	}
	return "unrecognized";
}

const char *
remedy_place_name(RemedyPlace place)
{
	return places[place].name;
}

const char *
remedy_place_title(RemedyPlace place)
{
	return places[place].title;
}

void
finding_mend_by_other_role(Finding *finding, const DoctorSetup *setup, const char *command,
						   const char *who)
{
	char text[256];

	snprintf(text, sizeof(text), "%s # as %s: add --postgres-conninfo", command, who);
	finding_mend_by_relay(finding, setup, text);
}
