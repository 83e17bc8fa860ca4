/*
 * report.c
 *	  The table.
 */
#include "report.h"

#define LABEL_WIDTH 34
#define COLUMN_WIDTH 18
#define LINE_LIMIT 512

static double
seconds(int64_t usec)
{
	return (double) usec / USEC_PER_SEC;
}

static int
milliseconds(int64_t usec)
{
	return (int) (usec / USEC_PER_MS);
}

bool
report_verdict(const Report *report)
{
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LedgerTotals *totals = &report->paths[mode].totals;

		if (!report->config->modes[mode])
			continue;
		if (mode_relayed((Mode) mode) ? !ledger_is_clean(totals) : !totals->closes)
			return false;
	}
	return true;
}

/* How long it stays open, and why so long. */
static void
print_breaker(const CompareConfig *config, const char *indent, FILE *out)
{
	if (config->breaker_scaled)
		fprintf(out, "%sThe consumer's breaker opens for %g s: 60 s, scaled by %g s / 300 s.\n",
				indent, seconds(config->breaker_reset_usec), seconds(config->duration_usec));
	else
		fprintf(out, "%sThe consumer's breaker opens for %g s.\n", indent,
				seconds(config->breaker_reset_usec));
}

void
report_print_settings(const CompareConfig *config, FILE *out)
{
	fprintf(out, "load      %u requests/s to each mode for %g s, %u drivers, seed %llu\n",
			(unsigned) config->rate, seconds(config->duration_usec), (unsigned) config->drivers,
			(unsigned long long) config->seed);
	if (config->outage_start_usec < config->outage_end_usec)
		fprintf(out, "outage    the target database crashes at %g s and is started again at %g s\n",
				seconds(config->outage_start_usec), seconds(config->outage_end_usec));
	else
		fprintf(out, "outage    none\n");
	fprintf(
		out,
		"ingest    %d HTTP threads; each mode has %d connections, %d requests may wait, at most "
		"%d ms\n"
		"time-outs connect %d ms, statement %d ms, TCP user %d ms, client %d ms\n"
		"retries   none; lost connections are tried again after %d to %d ms\n",
		config->http_threads, config->pool_size, config->pool_queue,
		milliseconds(config->pool_wait_usec), milliseconds(config->connect_timeout_usec),
		milliseconds(config->statement_timeout_usec), milliseconds(config->tcp_user_timeout_usec),
		milliseconds(config->client_timeout_usec), milliseconds(config->reconnect_min_usec),
		milliseconds(config->reconnect_max_usec));
	if (mode_any(config->modes, mode_consumed))
	{
		fprintf(out, "drain     given up after %g s without a row\n",
				seconds(config->drain_timeout_usec));
		print_breaker(config, "breaker   ", out);
	}
}

/* -------------------------------------------------------------------------
 * the table
 * ------------------------------------------------------------------------- */

typedef struct Table
{
	const Report *report;
	FILE *out;
} Table;

typedef void (*CellWriter)(const PathResult *mode, char *cell, size_t size);

/* Without the blanks at the end of the line. */
static void
print_line(FILE *out, const Buffer *line)
{
	size_t len = line->len;

	while (len > 0 && line->data[len - 1] == ' ')
		len--;
	fprintf(out, "%.*s\n", (int) len, line->data);
}

static void
print_row(const Table *table, const char *label, CellWriter write_cell)
{
	Buffer line;
	char cell[64];

	buffer_init(&line, LINE_LIMIT);
	buffer_printf(&line, "  %-*s", LABEL_WIDTH, label);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (!table->report->config->modes[mode])
			continue;
		write_cell(&table->report->paths[mode], cell, sizeof(cell));
		buffer_printf(&line, "%*s", COLUMN_WIDTH, cell);
	}
	print_line(table->out, &line);
	buffer_free(&line);
}

static void
write_count(uint64_t count, char *cell, size_t size)
{
	snprintf(cell, size, "%llu        ", (unsigned long long) count);
}

static void
write_share(uint64_t count, uint64_t of, char *cell, size_t size)
{
	snprintf(cell, size, "%llu %5.1f %%", (unsigned long long) count,
			 of > 0 ? 100.0 * (double) count / (double) of : 0.0);
}

#define COUNT_CELL(field)                                                                          \
	static void write_##field(const PathResult *mode, char *cell, size_t size)                     \
	{                                                                                              \
		write_count(mode->totals.field, cell, size);                                               \
	}
#define SHARE_CELL(field)                                                                          \
	static void write_##field(const PathResult *mode, char *cell, size_t size)                     \
	{                                                                                              \
		write_share(mode->totals.field, mode->totals.offered, cell, size);                         \
	}

COUNT_CELL(offered)
SHARE_CELL(accepted)
SHARE_CELL(rejected)
SHARE_CELL(unknown)
SHARE_CELL(durable)
SHARE_CELL(in_target)
COUNT_CELL(pending)
COUNT_CELL(lost)
COUNT_CELL(duplicates)
COUNT_CELL(order_violations)
COUNT_CELL(invented)

static void
write_p50(const PathResult *mode, char *cell, size_t size)
{
	snprintf(cell, size, "%.1f ms     ", mode->latency.p50_ms);
}

static void
write_p99(const PathResult *mode, char *cell, size_t size)
{
	snprintf(cell, size, "%.1f ms     ", mode->latency.p99_ms);
}

static void
write_max(const PathResult *mode, char *cell, size_t size)
{
	snprintf(cell, size, "%.1f ms     ", mode->latency.max_ms);
}

static void
write_seconds(double value, char *cell, size_t size)
{
	if (value < 0)
		snprintf(cell, size, "never       ");
	else
		snprintf(cell, size, "%.1f s      ", value);
}

static void
write_recovery(const PathResult *mode, char *cell, size_t size)
{
	write_seconds(mode->recovery_s, cell, size);
}

static void
write_drain(const PathResult *mode, char *cell, size_t size)
{
	write_seconds(mode->drain_s, cell, size);
}

static void
write_closes(const PathResult *mode, char *cell, size_t size)
{
	snprintf(cell, size, "%s        ", mode->totals.closes ? "yes" : "NO");
}

static void
write_accounts(const Table *table)
{
	print_row(table, "offered", write_offered);
	print_row(table, "accepted (201, 202)", write_accepted);
	print_row(table, "rejected (503: not stored)", write_rejected);
	print_row(table, "unknown (no answer in time)", write_unknown);
	print_row(table, "durable in some database", write_durable);
	print_row(table, "in the target at the end", write_in_target);
	print_row(table, "pending", write_pending);
	print_row(table, "lost", write_lost);
	print_row(table, "duplicates", write_duplicates);
	print_row(table, "order violations", write_order_violations);
	print_row(table, "invented", write_invented);
}

static void
print_head(const Table *table)
{
	Buffer line;

	buffer_init(&line, LINE_LIMIT);
	buffer_printf(&line, "  %-*s", LABEL_WIDTH, "");
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (table->report->config->modes[mode])
			buffer_printf(&line, "%*s        ", COLUMN_WIDTH - 8, mode_name((Mode) mode));
	}
	fputc('\n', table->out);
	print_line(table->out, &line);
	buffer_free(&line);
}

/* One line, with what is wrong. */
static void
print_verdict(const Report *report, FILE *out)
{
	if (report->passed)
	{
		fputs("  PASS\n", out);
		return;
	}
	fputs("  FAIL:", out);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LedgerTotals *totals = &report->paths[mode].totals;

		if (!report->config->modes[mode])
			continue;
		if (!totals->closes)
			fprintf(out, " the ledger of %s does not close;", mode_name((Mode) mode));
		else if (mode_relayed((Mode) mode) && !ledger_is_clean(totals))
			fprintf(out,
					" %s has %llu pending, %llu lost, %llu duplicates, %llu order violations, "
					"%llu invented;",
					mode_name((Mode) mode), (unsigned long long) totals->pending,
					(unsigned long long) totals->lost, (unsigned long long) totals->duplicates,
					(unsigned long long) totals->order_violations,
					(unsigned long long) totals->invented);
	}
	fputc('\n', out);
}

void
report_print(const Report *report, FILE *out)
{
	Table table = {report, out};

	print_head(&table);
	write_accounts(&table);
	print_row(&table, "latency p50 (of the accepted)", write_p50);
	print_row(&table, "latency p99", write_p99);
	print_row(&table, "latency max", write_max);
	if (report->back_at_s > 0)
	{
		print_row(&table, "accepts again, after the outage", write_recovery);
		print_row(&table, "drained, after the outage", write_drain);
	}
	print_row(&table, "ledger closes", write_closes);
	fputc('\n', out);
	if (report->back_at_s > 0)
		fprintf(out, "  The target was down from %.1f s to %.1f s, %.1f %% of the run.\n",
				report->down_at_s, report->back_at_s,
				100 * (report->back_at_s - report->down_at_s) /
					seconds(report->config->duration_usec));
	if (mode_any(report->config->modes, mode_consumed))
	{
		print_breaker(report->config, "  ", out);
		fputs("  The source stayed up: an outbox can't outlive an outage of its own database.\n",
			  out);
	}
	print_verdict(report, out);
}
