/*
 * report_csv.c
 *	  One row for each scenario, run and path: the books and the latencies, as they are in
 *	  the document.  A path that took no part has a row with nothing in it; what could not be
 *	  seen is empty.
 */
#include "report_csv.h"

#include <string.h>

#include "report_words.h"

/* The number is the member "key" of the object "inside" of the path, or of the path itself. */
typedef struct CsvColumn
{
	const char *head;
	const char *inside;
	const char *key;
} CsvColumn;

static const CsvColumn columns[] = {{"offered", NULL, "offered"},
									{"accepted", NULL, "accepted"},
									{"rejected", NULL, "rejected"},
									{"unknown", NULL, "unknown"},
									{"unknown_stored", NULL, "unknown_stored"},
									{"durable", NULL, "durable"},
									{"in_target", NULL, "in_target"},
									{"accepted_in_target", NULL, "accepted_in_target"},
									{"pending", NULL, "pending"},
									{"lost", NULL, "lost"},
									{"duplicates", NULL, "duplicates"},
									{"order_violations", NULL, "order_violations"},
									{"invented", NULL, "invented"},
									{"accepted_percent", "rates", "accepted"},
									{"durable_percent", "rates", "durable"},
									{"visible_percent", "rates", "visible"},
									{"p50_ms", "latency_ms", "p50"},
									{"p90_ms", "latency_ms", "p90"},
									{"p99_ms", "latency_ms", "p99"},
									{"p999_ms", "latency_ms", "p999"},
									{"max_ms", "latency_ms", "max"},
									{"drain_s", NULL, "drain_s"},
									{"recovery_s", NULL, "recovery_s"},
									{"freshness_p50_s", "freshness_s", "p50"},
									{"freshness_p99_s", "freshness_s", "p99"},
									{"freshness_max_s", "freshness_s", "max"}};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* In quotes; what a spreadsheet would take for a formula gets an apostrophe. */
static void
write_text(Buffer *out, const char *text)
{
	buffer_append_str(out, text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL ? "\"'" : "\"");
	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			buffer_append(out, "\"", 1);
		buffer_append(out, text, 1);
	}
	buffer_append_str(out, "\"");
}

static void
write_row(Buffer *out, const json_t *scenario, const json_t *run, const char *path)
{
	const json_t *found = report_run_path(run, path);
	char word[WORD_SIZE];

	write_text(out, report_string(scenario, "name"));
	buffer_printf(out, ",%s,", word_plain(report_number(run, "seed"), word));
	buffer_printf(out, "%s,", word_plain(report_number(run, "repeat"), word));
	write_text(out, path);
	buffer_append_str(out, found != NULL ? ",yes," : ",no,");
	if (found != NULL)
		buffer_append_str(out, report_true(found, "closes") ? "yes" : "no");
	for (size_t i = 0; i < COLUMN_COUNT; i++)
	{
		const json_t *object =
			columns[i].inside != NULL ? json_object_get(found, columns[i].inside) : found;

		buffer_printf(out, ",%s", word_plain(report_number(object, columns[i].key), word));
	}
	buffer_append_str(out, "\r\n");
}

void
report_csv(Buffer *out, const json_t *report)
{
	const json_t *scenario;
	size_t i;

	buffer_append_str(out, "scenario,seed,repeat,path,run,closes");
	for (i = 0; i < COLUMN_COUNT; i++)
		buffer_printf(out, ",%s", columns[i].head);
	buffer_append_str(out, "\r\n");
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
	{
		const json_t *run;
		size_t j;

		json_array_foreach(json_object_get(scenario, "runs"), j, run)
		{
			const json_t *path;
			size_t k;

			json_array_foreach(json_object_get(report, "paths"), k, path)
				write_row(out, scenario, run, report_string(path, "name"));
		}
	}
}
