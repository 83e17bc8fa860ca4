/*
 * report_md.c
 *	  A summary to paste: verdict, matrix, what did not hold.
 */
#include "report_md.h"

#include <string.h>

#include "report_words.h"

/* Nothing in it means anything to Markdown or to HTML inside it. */
static void
write_text(Buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '\n' || *text == '\r')
		{
			buffer_append_str(out, " ");
			continue;
		}
		if (strchr("\\`*_{}[]<>()#+!|&~", *text) != NULL)
			buffer_append_str(out, "\\");
		buffer_append(out, text, 1);
	}
}

static void
write_cell(Buffer *out, const Cell *cell)
{
	char text[CELL_TEXT_SIZE];
	char word[WORD_SIZE];

	if (cell_outcome(cell, text) == OUTCOME_NOT_RUN)
	{
		buffer_printf(out, " %s |", text);
		return;
	}
	buffer_printf(out, " **%s**", text);
	if (cell->held < cell->expected)
		buffer_printf(out, ", %d of %d not as expected", cell->expected - cell->held,
					  cell->expected);
	buffer_printf(out, "; visible %s", word_percent(cell->visible_percent, word));
	buffer_printf(out, ", p99 %s |", word_ms(cell->p99_ms, word));
}

static void
write_matrix(Buffer *out, const json_t *report)
{
	const json_t *paths = json_object_get(report, "paths");
	const json_t *scenario;
	const json_t *path;
	size_t i;
	size_t j;

	buffer_append_str(out, "| scenario |");
	json_array_foreach(paths, i, path)
	{
		buffer_append_str(out, " ");
		write_text(out, report_string(path, "title"));
		buffer_append_str(out, " |");
	}
	buffer_append_str(out, "\n|---|");
	for (i = 0; i < json_array_size(paths); i++)
		buffer_append_str(out, "---|");
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
	{
		buffer_append_str(out, "\n| ");
		write_text(out, report_string(scenario, "title"));
		buffer_append_str(out, " |");
		json_array_foreach(paths, j, path)
		{
			Cell cell;

			report_cell(scenario, report_string(path, "name"), &cell);
			write_cell(out, &cell);
		}
	}
	buffer_append_str(out, "\n\n");
}

/* A line for each path of an inventory run. */
static void
write_shop(Buffer *out, const json_t *scenario, const json_t *run)
{
	const json_t *replay = json_object_get(run, "replay");
	const char *name;
	json_t *path;
	char word[WORD_SIZE];

	/* The macro takes what it could change, and changes nothing. */
	json_object_foreach(json_object_get(run, "shop"), name, path)
	{
		buffer_append_str(out, "- ");
		write_text(out, report_string(scenario, "name"));
		buffer_append_str(out, ", ");
		write_text(out, name);
		buffer_printf(out, ": %s of ", word_count(report_number(path, "accepted"), word));
		buffer_printf(out, "%s orders accepted, ",
					  word_count(report_number(path, "offered"), word));
		buffer_printf(out, "%s in every service, ",
					  word_count(report_number(path, "everywhere"), word));
		buffer_printf(out, "%s in some only\n", word_count(report_number(path, "partial"), word));
	}
	if (!json_is_object(replay))
		return;
	buffer_printf(out, "- a service that came last replayed %s orders in ",
				  word_count(report_number(replay, "orders"), word));
	buffer_printf(out, "%s, ", word_seconds(report_number(replay, "seconds"), word));
	buffer_printf(out, "%s of them different\n",
				  word_count(report_number(replay, "different"), word));
}

static void
write_inventory(Buffer *out, const json_t *report)
{
	const json_t *scenarios = json_object_get(report, "inventory");
	const json_t *scenario;
	size_t i;

	if (json_array_size(scenarios) == 0)
		return;
	buffer_append_str(out, "One order, several services:\n\n");
	json_array_foreach(scenarios, i, scenario)
	{
		const json_t *run;
		size_t j;

		json_array_foreach(json_object_get(scenario, "runs"), j, run)
			write_shop(out, scenario, run);
	}
	buffer_append_str(out, "\n");
}

static void
write_missed(Buffer *out, const json_t *scenario, const json_t *run)
{
	const json_t *expectation;
	char word[WORD_SIZE];
	size_t i;

	json_array_foreach(json_object_get(run, "expectations"), i, expectation)
	{
		if (report_true(expectation, "held"))
			continue;
		buffer_append_str(out, "- ");
		write_text(out, report_string(scenario, "name"));
		buffer_printf(out, ", seed %s: ", word_plain(report_number(run, "seed"), word));
		write_text(out, report_string(expectation, "path"));
		buffer_append_str(out, " ");
		if (report_string(expectation, "service")[0] != '\0')
		{
			write_text(out, report_string(expectation, "service"));
			buffer_append_str(out, " ");
		}
		write_text(out, report_string(expectation, "text"));
		buffer_printf(out, ", measured %s\n",
					  word_plain(report_number(expectation, "measured"), word));
	}
}

static void
write_all_missed(Buffer *out, const json_t *report)
{
	const json_t *scenario;
	size_t i;

	static const char *const kinds[] = {"scenarios", "inventory"};

	buffer_append_str(out, "What did not hold:\n\n");
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
	{
		json_array_foreach(json_object_get(report, kinds[kind]), i, scenario)
		{
			const json_t *run;
			size_t j;

			json_array_foreach(json_object_get(scenario, "runs"), j, run)
				write_missed(out, scenario, run);
		}
	}
	buffer_append_str(out, "\n");
}

void
report_md(Buffer *out, const json_t *report)
{
	const json_t *machine = json_object_get(report, "machine");
	char word[WORD_SIZE];
	Tally tally;

	report_tally(report, &tally);
	buffer_printf(out, "# outbox-compare\n\n%d of %d expectations held", tally.held,
				  tally.expected);
	if (tally.scenarios > 0)
		buffer_printf(out, ", %d of %d cells measured", tally.cells_run, tally.cells);
	buffer_printf(out, "%s.\n\n",
				  report_true(report, "interrupted") ? "; the run was interrupted" : "");
	if (report_string(report, "error")[0] != '\0')
	{
		buffer_append_str(out, "It ended with an error: ");
		write_text(out, report_string(report, "error"));
		buffer_append_str(out, ". This is what had been measured until then.\n\n");
	}
	if (tally.scenarios > 0)
		write_matrix(out, report);
	write_inventory(out, report);
	if (tally.held < tally.expected)
		write_all_missed(out, report);
	buffer_printf(out, "Machine: %s CPUs, ", word_plain(report_number(machine, "cpus"), word));
	write_text(out, report_string(machine, "cpu"));
	buffer_printf(out, ", %s MB; ", word_plain(report_number(machine, "memory_mb"), word));
	write_text(out, report_string(machine, "os"));
	buffer_append_str(out, ". Commit ");
	write_text(out, report_string(report, "commit"));
	buffer_append_str(out, ", started ");
	write_text(out, report_string(report, "started_at"));
	buffer_append_str(out, ".\n");
}
