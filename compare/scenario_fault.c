/*
 * scenario_fault.c
 *	  What fails, and where: the middle of a line that begins with "at".  Pure.
 */
#include <string.h>

#include "clock.h"
#include "scenario_words.h"

static const char *const kind_names[FAULT_KIND_COUNT] = {
	[FAULT_CRASH] = "crash",
	[FAULT_PAUSE] = "pause",
	[FAULT_LATENCY] = "latency",
	[FAULT_BANDWIDTH] = "bandwidth",
	[FAULT_RESET] = "reset",
	[FAULT_BLACKHOLE] = "blackhole",
	[FAULT_REFUSE] = "refuse",
	[FAULT_DISK_FULL] = "disk-full",
	[FAULT_CONNECTIONS] = "connections",
	[FAULT_AWAY] = "away",
};

const char *
fault_kind_name(FaultKind kind)
{
	return kind_names[kind];
}

static bool
take_part(Words *words, FaultPlan *plan, const Word *where)
{
	static const char parts[] = "Parts are target, source, broker, relay, consumer and app.";
	bool only_target = plan->kind == FAULT_DISK_FULL || plan->kind == FAULT_CONNECTIONS;

	if (!part_parse(where->text, where->len, &plan->part))
		return words_fail_hint(words, where, parts, "unknown part \"%.*s\"", (int) where->len,
							   where->text);
	if (only_target && plan->part != PART_TARGET)
		return words_fail_hint(words, where, "It is for the target alone.",
							   "there is no %s for the %s", kind_names[plan->kind],
							   part_name(plan->part));
	return true;
}

static bool
take_links(Words *words, FaultPlan *plan, const Word *where)
{
	static const char links[] = "Links are target, source, app-target, app-source, "
								"consumer-target and relay-source.";
	Word word;

	if (!links_parse(where->text, where->len, &plan->links))
		return words_fail_hint(words, where, links, "unknown link \"%.*s\"", (int) where->len,
							   where->text);
	if (plan->kind == FAULT_LATENCY)
	{
		if (!words_duration(words, USEC_PER_MS, 60 * USEC_PER_SEC, &plan->amount_usec, &word))
			return false;
		if (words_accept(words, "jitter") &&
			!words_duration(words, 0, plan->amount_usec, &plan->jitter_usec, &word))
			return false;
	}
	return plan->kind != FAULT_BANDWIDTH || words_bandwidth(words, &plan->bytes_per_s);
}

static bool
take_service(Words *words, FaultPlan *plan, const Word *where)
{
	if (service_parse(where->text, where->len, &plan->service) && plan->service < SERVICES_CALLED)
		return true;
	return words_fail_hint(words, where, "Services are inventory, pricing and recommendation.",
						   "unknown service \"%.*s\"", (int) where->len, where->text);
}

/* The place of a fault, in the words of its kind. */
static bool
take_where(Words *words, FaultPlan *plan, const Word *where)
{
	switch (plan->kind)
	{
		case FAULT_CRASH:
		case FAULT_PAUSE:
		case FAULT_DISK_FULL:
		case FAULT_CONNECTIONS:
			return take_part(words, plan, where);
		case FAULT_AWAY:
			return take_service(words, plan, where);
		case FAULT_LATENCY:
		case FAULT_BANDWIDTH:
		case FAULT_RESET:
		case FAULT_BLACKHOLE:
		case FAULT_REFUSE:
		case FAULT_KIND_COUNT:
			break;
	}
	return take_links(words, plan, where);
}

static bool
take_kind(Words *words, ScenarioKind kind, FaultPlan *plan)
{
	bool inventory = kind == SCENARIO_INVENTORY;
	Word word = words_next(words);

	for (int i = 0; i < FAULT_KIND_COUNT; i++)
	{
		if (word_is(&word, kind_names[i]) && inventory == (i == FAULT_AWAY))
		{
			plan->kind = (FaultKind) i;
			return true;
		}
	}
	return words_fail_hint(
		words, &word,
		inventory ? "The fault of this kind of scenario is away."
				  : "Faults are crash, pause, latency, bandwidth, reset, blackhole, refuse, "
					"disk-full and connections.",
		"unknown fault \"%.*s\"", (int) word.len, word.text);
}

bool
fault_take(Words *words, ScenarioKind kind, FaultPlan *plan)
{
	Word text = words_rest_of_line(words);
	Word where;

	if (!take_kind(words, kind, plan))
		return false;
	where = words_next(words);
	if (where.len >= sizeof(plan->where))
		return words_fail(words, &where, "unknown place \"%.*s\"",
						  (int) (where.len < 40 ? where.len : 40), where.text);
	memcpy(plan->where, where.text, where.len);
	if (!take_where(words, plan, &where))
		return false;
	text.len = (size_t) (words->before - text.text);
	word_normalize(&text, plan->text, sizeof(plan->text));
	return true;
}
