/*
 * settle.c
 *	  From a run to its report: ledgers, latencies, the timeline.
 */
#include "settle.h"

#include <stdlib.h>
#include <string.h>

#include "percentile.h"

static double
seconds_between(MonoUsec from, MonoUsec to)
{
	return (double) (to - from) / USEC_PER_SEC;
}

static bool
settle_ledger(const SettleInput *input, Mode mode, LedgerTotals *totals, Error *error)
{
	const LoadRecord *records = load_records(input->load, mode);
	uint32_t count = load_count(input->load);
	Ledger *ledger = ledger_create(count, input->config->drivers);
	bool done;

	if (ledger == NULL)
		return error_bug(error, "out of memory");
	for (uint32_t n = 0; n < count; n++)
		ledger_offer(ledger, n, records[n].outcome);
	done = audit_mode(&input->audit, mode, ledger, error);
	if (done)
		ledger_close(ledger, mode == MODE_DIRECT || input->quiet, totals);
	ledger_free(ledger);
	return done;
}

static bool
settle_latency(const SettleInput *input, Mode mode, ModeReport *report, Error *error)
{
	const LoadRecord *records = load_records(input->load, mode);
	uint32_t count = load_count(input->load);
	int64_t *samples = calloc((size_t) count + 1, sizeof(*samples));
	size_t accepted = 0;

	if (samples == NULL)
		return error_bug(error, "out of memory");
	for (uint32_t n = 0; n < count; n++)
	{
		if (records[n].outcome == OUTCOME_ACCEPTED)
			samples[accepted++] = records[n].latency_usec;
	}
	percentile_sort(samples, accepted);
	report->p50_ms = (double) percentile_of(samples, accepted, 50) / USEC_PER_MS;
	report->p99_ms = (double) percentile_of(samples, accepted, 99) / USEC_PER_MS;
	report->max_ms = (double) percentile_of(samples, accepted, 100) / USEC_PER_MS;
	free(samples);
	return true;
}

/* From the target's return to the first answer of a later request that was accepted. */
static double
recovery_of(const SettleInput *input, Mode mode)
{
	const LoadRecord *records = load_records(input->load, mode);

	for (uint32_t n = 0; n < load_count(input->load); n++)
	{
		MonoUsec intended = input->start + load_intended(input->load, n);

		if (intended >= input->back_at && records[n].outcome == OUTCOME_ACCEPTED)
			return seconds_between(input->back_at, intended + records[n].latency_usec);
	}
	return NOT_DRAINED;
}

/* What is stored in the target itself has nothing to drain. */
static double
drain_of(const SettleInput *input, Mode mode)
{
	MonoUsec from =
		input->back_at > 0 ? input->back_at : input->start + input->config->duration_usec;

	if (mode == MODE_DIRECT)
		return 0;
	if (input->drained_at == 0)
		return NOT_DRAINED;
	return input->drained_at > from ? seconds_between(from, input->drained_at) : 0;
}

static void
fill_timeline(const SettleInput *input, Mode mode, Timeline *timeline)
{
	const LoadRecord *records = load_records(input->load, mode);

	for (uint32_t n = 0; n < load_count(input->load); n++)
		timeline_add(timeline, mode, load_intended(input->load, n), records[n].outcome);
}

bool
settle_report(const SettleInput *input, Report *report, Error *error)
{
	size_t count;
	const Sample *samples = observer_samples(input->observer, &count);

	memset(report, 0, sizeof(*report));
	report->config = input->config;
	if (!timeline_init(&report->timeline, samples, count, input->start))
		return error_bug(error, "out of memory");
	if (input->back_at > 0)
	{
		report->down_at_s = seconds_between(input->start, input->down_at);
		report->back_at_s = seconds_between(input->start, input->back_at);
	}
	if (count > 0)
		report->took_s = seconds_between(input->start, samples[count - 1].at);
	for (int i = 0; i < MODE_COUNT; i++)
	{
		Mode mode = (Mode) i;
		ModeReport *mode_report = &report->modes[i];

		if (!input->config->modes[i])
			continue;
		if (!settle_ledger(input, mode, &mode_report->totals, error) ||
			!settle_latency(input, mode, mode_report, error))
			return false;
		mode_report->recovery_s = input->back_at > 0 ? recovery_of(input, mode) : 0;
		mode_report->drain_s = drain_of(input, mode);
		fill_timeline(input, mode, &report->timeline);
	}
	report->passed = report_verdict(report);
	return true;
}
