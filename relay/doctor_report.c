/*
 * doctor_report.c
 *	  The findings of doctor, for people and for machines.
 *
 * Refuses nothing.  Text is written as it comes, JSON at the end.
 */
#include "doctor.h"

#include "json_text.h"

#include <stdlib.h>

struct DoctorReport
{
	FILE *out;
	json_t *findings; /* NULL: text */
	int errors;
	int warnings;
};

DoctorReport *
doctor_report_create(bool json, FILE *out)
{
	DoctorReport *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->out = out;
	report->findings = json ? json_array() : NULL;
	if (!json || report->findings != NULL)
		return report;
	free(report);
	return NULL;
}

void
doctor_report_add(const Finding *finding, void *arg)
{
	DoctorReport *report = arg;
	const char *severity = finding_severity_name(finding->severity);
	json_t *entry;

	report->errors += finding->severity == FINDING_ERROR ? 1 : 0;
	report->warnings += finding->severity == FINDING_WARNING ? 1 : 0;
	if (report->findings == NULL)
	{
		fprintf(report->out, "%-8s %s: %s\n", severity, finding->check, finding->found);
		if (finding->place != REMEDY_NONE)
			fprintf(report->out, "         %s: %s\n", remedy_place_title(finding->place),
					finding->remedy);
		return;
	}
	entry = json_pack("{s:s, s:s, s:o}", "check", finding->check, "severity", severity, "found",
					  json_text(finding->found));
	if (finding->place != REMEDY_NONE)
		(void) json_object_set_new(entry, "remedy",
								   json_pack("{s:s, s:o}", "where",
											 remedy_place_name(finding->place), "line",
											 json_text(finding->remedy)));
	(void) json_array_append_new(report->findings, entry);
}

int
doctor_report_finish(DoctorReport *report)
{
	int errors = report->errors;

	if (report->findings == NULL)
		fprintf(report->out, "%d error%s, %d warning%s\n", errors, errors == 1 ? "" : "s",
				report->warnings, report->warnings == 1 ? "" : "s");
	else
	{
		json_t *root = json_pack("{s:i, s:i, s:o}", "errors", errors, "warnings", report->warnings,
								 "findings", report->findings);

		(void) json_dumpf(root, report->out, JSON_INDENT(2));
		fputc('\n', report->out);
		json_decref(root);
	}
	free(report);
	return errors;
}
