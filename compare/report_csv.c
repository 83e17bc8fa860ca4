/*
 * report_csv.c
 *	  One row for each scenario, run and path: the books and the latencies, as they are in
 *	  the document.  A path that took no part has a row with nothing in it; what could not be
 *	  seen is empty.  Where orders go to several services each of them has a row, with its own
 *	  books beside what its path's client saw.
 */
#include "report_csv.h"

#include <string.h>

#include "report_words.h"

/*
 * The number is the member "key" of the object "inside" of the path, or of the path itself.  A service has it under the
 * name of that object or number, or under one of its own.
 */
typedef struct CsvColumn
{
	const char *head;
	const char *inside;
	const char *key;
	const char *in_service;
} CsvColumn;

static const CsvColumn columns[] = {
	{"offered", NULL, "offered", NULL},
	{"accepted", NULL, "accepted", NULL},
	{"rejected", NULL, "rejected", NULL},
	{"unknown", NULL, "unknown", NULL},
	{"unknown_stored", NULL, "unknown_stored", NULL},
	{"durable", NULL, "durable", NULL},
	{"in_target", NULL, "in_target", "in_service"},
	{"accepted_in_target", NULL, "accepted_in_target", "accepted_in_service"},
	{"pending", NULL, "pending", NULL},
	{"lost", NULL, "lost", NULL},
	{"duplicates", NULL, "duplicates", NULL},
	{"order_violations", NULL, "order_violations", NULL},
	{"invented", NULL, "invented", NULL},
	{"accepted_percent", "rates", "accepted", NULL},
	{"durable_percent", "rates", "durable", NULL},
	{"visible_percent", "rates", "visible", NULL},
	{"p50_ms", "latency_ms", "p50", NULL},
	{"p90_ms", "latency_ms", "p90", NULL},
	{"p99_ms", "latency_ms", "p99", NULL},
	{"p999_ms", "latency_ms", "p999", NULL},
	{"max_ms", "latency_ms", "max", NULL},
	{"drain_s", NULL, "drain_s", NULL},
	{"recovery_s", NULL, "recovery_s", NULL},
	{"freshness_p50_s", "freshness_s", "p50", "lag_s"},
	{"freshness_p99_s", "freshness_s", "p99", "lag_s"},
	{"freshness_max_s", "freshness_s", "max", "lag_s"}};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

typedef struct CsvRow
{
	const json_t *scenario;
	const json_t *run;
	const char *path;
	const json_t *found; /* the path's; NULL when it took no part */
	const char *service_name;
	const json_t *service; /* NULL where there is only the target */
} CsvRow;

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

/* The service's where it has its own, or else the path's. */
static double
number_in(const CsvColumn *column, const CsvRow *row)
{
	const char *name = column->inside != NULL ? column->inside : column->key;
	const char *own = column->in_service != NULL ? column->in_service : name;
	bool served = json_object_get(row->service, own) != NULL;
	const json_t *owner = served ? row->service : row->found;

	if (served)
		name = own;
	return column->inside != NULL ? report_number(json_object_get(owner, name), column->key)
								  : report_number(owner, name);
}

static void
write_row(Buffer *out, const CsvRow *row)
{
	const json_t *closes = row->service != NULL ? row->service : row->found;
	char word[WORD_SIZE];

	write_text(out, report_string(row->scenario, "name"));
	buffer_printf(out, ",%s,", word_plain(report_number(row->run, "seed"), word));
	buffer_printf(out, "%s,", word_plain(report_number(row->run, "repeat"), word));
	write_text(out, row->path);
	buffer_append_str(out, ",");
	write_text(out, row->service_name);
	buffer_append_str(out, row->found != NULL ? ",yes," : ",no,");
	if (closes != NULL)
		buffer_append_str(out, report_true(closes, "closes") ? "yes" : "no");
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		buffer_printf(out, ",%s", word_plain(number_in(&columns[i], row), word));
	buffer_append_str(out, "\r\n");
}

static void
write_paths(Buffer *out, const json_t *report, CsvRow *row)
{
	const json_t *path;
	size_t i;

	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		row->path = report_string(path, "name");
		row->found = report_run_path(row->run, row->path);
		row->service_name = "";
		row->service = NULL;
		write_row(out, row);
	}
}

static void
write_services(Buffer *out, CsvRow *row)
{
	json_t *shop = json_object_get(row->run, "shop");
	json_t *found;
	const char *path;

	json_object_foreach(shop, path, found)
	{
		json_t *service;
		const char *name;

		json_object_foreach(json_object_get(found, "services"), name, service)
		{
			row->path = path;
			row->found = found;
			row->service_name = name;
			row->service = service;
			write_row(out, row);
		}
	}
}

static void
write_scenario(Buffer *out, const json_t *report, const json_t *scenario)
{
	const json_t *run;
	size_t i;

	json_array_foreach(json_object_get(scenario, "runs"), i, run)
	{
		CsvRow row = {.scenario = scenario, .run = run};

		if (json_object_get(run, "shop") != NULL)
			write_services(out, &row);
		else
			write_paths(out, report, &row);
	}
}

void
report_csv(Buffer *out, const json_t *report)
{
	static const char *const kinds[] = {"scenarios", "inventory"};

	buffer_append_str(out, "scenario,seed,repeat,path,service,run,closes");
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		buffer_printf(out, ",%s", columns[i].head);
	buffer_append_str(out, "\r\n");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		const json_t *scenario;
		size_t j;

		json_array_foreach(json_object_get(report, kinds[i]), j, scenario)
			write_scenario(out, report, scenario);
	}
}
