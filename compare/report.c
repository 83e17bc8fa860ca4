/*
 * report.c
 *	  The verdict, and the tables.
 */
#include "report.h"

#include <string.h>

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

/* -------------------------------------------------------------------------
 * the verdict
 * ------------------------------------------------------------------------- */

static double
time_ms(double s)
{
	return s < 0 ? -1 : s * 1000;
}

static Measured
measured_of(const PathResult *result)
{
	const LedgerTotals *totals = &result->totals;
	Measured measured = {.offered = (double) totals->offered};

	measured.values[MEASURE_ACCEPTED] = (double) totals->accepted;
	measured.values[MEASURE_DURABLE] = (double) totals->durable;
	measured.values[MEASURE_VISIBLE] = (double) totals->in_target;
	measured.values[MEASURE_REJECTED] = (double) totals->rejected;
	measured.values[MEASURE_UNKNOWN] = (double) totals->unknown;
	measured.values[MEASURE_LOST] = (double) totals->lost;
	measured.values[MEASURE_DUPLICATES] = (double) totals->duplicates;
	measured.values[MEASURE_ORDER] = (double) totals->order_violations;
	measured.values[MEASURE_INVENTED] = (double) totals->invented;
	measured.values[MEASURE_PENDING] = (double) totals->pending;
	measured.values[MEASURE_MISSING] = (double) totals->unknown_missing;
	measured.values[MEASURE_P50] = result->latency.p50_ms;
	measured.values[MEASURE_P99] = result->latency.p99_ms;
	measured.values[MEASURE_DRAIN] = time_ms(result->drain_s);
	measured.values[MEASURE_RECOVERY] = time_ms(result->recovery_s);
	return measured;
}

bool
report_faults_came(const FaultReport *faults, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (faults[i].from_s < 0)
			return false;
	}
	return true;
}

void
report_judge(RunReport *report, const Scenario *scenario, const bool *modes)
{
	Verdict *verdict = &report->verdict;

	verdict_begin(verdict,
				  !report->interrupted && report_faults_came(report->faults, report->fault_count));
	if (report->interrupted)
		return;
	for (int i = 0; i < scenario->expectation_count; i++)
	{
		const Expectation *expectation = &scenario->expectations[i];
		Measured measured = measured_of(&report->paths[expectation->mode]);

		if (modes[expectation->mode])
			verdict_expect(verdict, expectation, &measured);
	}
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const Judged whose = {.mode = (Mode) mode};

		if (modes[mode])
			verdict_ledger(verdict, &whose, report->paths[mode].totals.closes);
	}
}

/* -------------------------------------------------------------------------
 * what will be done
 * ------------------------------------------------------------------------- */

static void
print_patience(const CompareConfig *config, int64_t breaker_reset_usec, FILE *out)
{
	fprintf(out,
			"breaker   the consumer's stays open for %g s%s\ndrain     given up after %g s "
			"without a row\n",
			seconds(breaker_reset_usec),
			config->breaker_reset_usec > 0 ? "" : " (60 s, scaled with the duration / 300 s)",
			seconds(config->drain_timeout_usec));
}

void
report_print_settings(const CompareConfig *config, int64_t breaker_reset_usec, FILE *out)
{
	const IngestLimits *limits = &config->limits;
	char paths[MODE_LIST_SIZE];

	mode_format_list(config->modes, paths, sizeof(paths));
	fprintf(out, "paths     %s\n", paths);
	fprintf(out,
			"ingest    %d HTTP threads; each path has %d connections, %d requests may wait, at "
			"most %d ms\n"
			"time-outs connect %d ms, statement %d ms, TCP user %d ms, client %d ms\n"
			"reconnect after %d to %d ms\n",
			limits->http_threads, limits->pool_size, limits->pool_queue,
			milliseconds(limits->pool_wait_usec), milliseconds(limits->connect_timeout_usec),
			milliseconds(limits->statement_timeout_usec),
			milliseconds(limits->tcp_user_timeout_usec), milliseconds(limits->client_timeout_usec),
			milliseconds(limits->reconnect_min_usec), milliseconds(limits->reconnect_max_usec));
	if (mode_any(config->modes, mode_consumed))
		print_patience(config, breaker_reset_usec, out);
}

void
report_print_inventory_settings(const CompareConfig *config, int64_t breaker_reset_usec, FILE *out)
{
	const IngestLimits *limits = &config->limits;

	fprintf(out,
			"paths     sync,outbox\n"
			"requests  %d of each path at a time, %d may wait, at most %d ms\n"
			"time-outs statement %d ms, client %d ms\n",
			limits->pool_size, limits->pool_queue, milliseconds(limits->pool_wait_usec),
			milliseconds(limits->statement_timeout_usec),
			milliseconds(limits->client_timeout_usec));
	print_patience(config, breaker_reset_usec, out);
}

void
report_print_scenario(const Scenario *scenario, FILE *out)
{
	fprintf(out, "\n%s: %s\n", scenario->name, scenario->title);
	if (scenario->shape.form == LOAD_RAMP)
		fprintf(out, "  %g s, %s requests/s to each path\n", seconds(scenario->duration_usec),
				scenario->load);
	else
		fprintf(out, "  %g s, %u requests/s to each path, %s\n", seconds(scenario->duration_usec),
				(unsigned) scenario->rate, scenario->load);
	for (int i = 0; i < scenario->fault_count; i++)
		fprintf(out, "  %g s to %g s: %s\n", seconds(scenario->faults[i].from_usec),
				seconds(scenario->faults[i].until_usec), scenario->faults[i].text);
}

/* -------------------------------------------------------------------------
 * what came of it
 * ------------------------------------------------------------------------- */

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
append_percent(Buffer *line, uint64_t count, uint64_t of)
{
	double percent = of > 0 ? 100 * (double) count / (double) of : 0;

	/* What isn't all of it never looks as if it were, nor a little like nothing. */
	if (count < of && percent > 99.9)
		percent = 99.9;
	if (count > 0 && percent < 0.1)
		percent = 0.1;
	buffer_printf(line, "%8.1f%%", percent);
}

const char *
report_ms(double ms, char *text)
{
	if (ms < 0)
		return "-";
	snprintf(text, REPORT_TEXT_SIZE, "%.1f", ms);
	return text;
}

const char *
report_seconds(double s, const char *never, char *text)
{
	if (s < 0)
		return never;
	snprintf(text, REPORT_TEXT_SIZE, "%.1fs", s);
	return text;
}

static void
print_path(const PathResult *result, Mode mode, FILE *out)
{
	const LedgerTotals *totals = &result->totals;
	char text[REPORT_TEXT_SIZE];
	Buffer line;

	buffer_init(&line, LINE_LIMIT);
	buffer_printf(&line, "  %-12s%8llu", mode_name(mode), (unsigned long long) totals->offered);
	append_percent(&line, totals->accepted, totals->offered);
	append_percent(&line, totals->rejected, totals->offered);
	append_percent(&line, totals->unknown, totals->offered);
	append_percent(&line, totals->in_target, totals->offered);
	buffer_printf(&line, "%6llu%6llu%6llu%6llu%6llu", (unsigned long long) totals->lost,
				  (unsigned long long) totals->pending, (unsigned long long) totals->duplicates,
				  (unsigned long long) totals->order_violations,
				  (unsigned long long) totals->invented);
	buffer_printf(&line, "%8s", report_ms(result->latency.p50_ms, text));
	buffer_printf(&line, "%8s", report_ms(result->latency.p99_ms, text));
	buffer_printf(&line, "%8s", report_seconds(result->drain_s, "never", text));
	print_line(out, &line);
	buffer_free(&line);
}

void
report_print_reasons(const char *path, const uint64_t *reasons, FILE *out)
{
	bool any = false;

	for (int reason = 0; reason < REJECT_REASONS; reason++)
	{
		unsigned long long count = reasons[reason];

		if (count == 0)
			continue;
		if (any)
			fputs(", ", out);
		else
			fprintf(out, "  %s rejected: ", path);
		fprintf(out, "%llu time%s %s", count, count == 1 ? "" : "s",
				reject_reason_words((RejectReason) reason));
		any = true;
	}
	if (any)
		fputc('\n', out);
}

void
report_print_failed(const char *who, const Judged *judged, FILE *out)
{
	static const char *const units[] = {[UNIT_COUNT] = "", [UNIT_PERCENT] = "%", [UNIT_MS] = " ms"};

	fprintf(out, "  NOT HELD  %s: %s; ", who, judged->text);
	if (judged->unit == UNIT_MS && judged->measured < 0)
		fputs("it never was\n", out);
	else
		fprintf(out, "it was %.4g%s\n", judged->measured, units[judged->unit]);
}

void
report_print_end(const RunEnd *end, FILE *out)
{
	if (end->interrupted)
		fprintf(out, "  INTERRUPTED after %.1f s: not judged\n", end->took_s);
	else
		fprintf(out, "  %s: %d of %d expectations held (seed %llu, %.1f s)\n",
				end->passed ? "PASS" : "FAIL", end->held, end->expected,
				(unsigned long long) end->seed, end->took_s);
}

void
report_print_faults(const FaultReport *faults, int count, FILE *out)
{
	for (int i = 0; i < count; i++)
	{
		if (faults[i].from_s < 0)
			fprintf(out, "  NEVER CAME  %s\n", faults[i].text);
		else
			fprintf(out, "  %.1f s to %.1f s: %s\n", faults[i].from_s, faults[i].until_s,
					faults[i].text);
	}
}

void
report_print_run(const RunReport *report, const bool *modes, FILE *out)
{
	RunEnd end = {.interrupted = report->interrupted,
				  .passed = report->verdict.passed,
				  .expected = report->verdict.count,
				  .seed = report->seed,
				  .took_s = report->took_s};

	fprintf(out, "  %-12s%8s%9s%9s%9s%9s%6s%6s%6s%6s%6s%8s%8s%8s\n", "", "offered", "accepted",
			"rejected", "unknown", "visible", "lost", "pend.", "dup.", "order", "inv.", "p50 ms",
			"p99 ms", "drain");
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (modes[mode])
			print_path(&report->paths[mode], (Mode) mode, out);
	}
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (modes[mode])
			report_print_reasons(mode_name((Mode) mode), report->paths[mode].rejected_because, out);
	}
	report_print_faults(report->faults, report->fault_count, out);
	for (int i = 0; i < report->verdict.count; i++)
	{
		const Judged *judged = &report->verdict.all[i];

		end.held += judged->held;
		if (!judged->held)
			report_print_failed(mode_name(judged->mode), judged, out);
	}
	report_print_end(&end, out);
}
