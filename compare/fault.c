/*
 * fault.c
 *	  Each kind of fault: how it comes, how it goes, and when it is over.
 */
#include "fault.h"

#include <stdio.h>
#include <string.h>

#include "exit_codes.h"

#define MEND_LIMIT_USEC (90 * USEC_PER_SEC)
#define RESET_EVERY_USEC (500 * USEC_PER_MS)
#define STEP_USEC (20 * USEC_PER_MS)

void
faults_init(Faults *faults, Stage *stage, const Scenario *scenario, MonoUsec start)
{
	memset(faults, 0, sizeof(*faults));
	faults->stage = stage;
	for (int i = 0; i < scenario->fault_count; i++)
	{
		const FaultPlan *plan = &scenario->faults[i];

		faults->all[faults->count++] = (Fault){.plan = *plan,
											   .due_from = start + plan->from_usec,
											   .due_until = start + plan->until_usec};
	}
}

static bool
is_active(const Fault *fault)
{
	return fault->state == FAULT_BROKEN || fault->state == FAULT_MENDING;
}

static bool
is_of_link(FaultKind kind)
{
	return kind == FAULT_LATENCY || kind == FAULT_BANDWIDTH || kind == FAULT_RESET ||
		   kind == FAULT_BLACKHOLE || kind == FAULT_REFUSE;
}

/* -------------------------------------------------------------------------
 * links: what holds for one is the sum of its faults
 * ------------------------------------------------------------------------- */

static void
add_toxic(ProxyToxics *toxics, const FaultPlan *plan)
{
	switch (plan->kind)
	{
		case FAULT_LATENCY:
			toxics->latency_usec = plan->amount_usec;
			toxics->jitter_usec = plan->jitter_usec;
			break;
		case FAULT_BANDWIDTH:
			toxics->bytes_per_s = plan->bytes_per_s;
			break;
		case FAULT_BLACKHOLE:
			toxics->blackhole = true;
			break;
		case FAULT_REFUSE:
			toxics->refuse = true;
			break;
		default:
			break;
	}
}

static void
set_links(Faults *faults)
{
	for (int link = 0; link < LINK_COUNT; link++)
	{
		ProxyToxics toxics = {0};

		for (int i = 0; i < faults->count; i++)
		{
			if (faults->all[i].state == FAULT_BROKEN &&
				(faults->all[i].plan.links & LINK_BIT(link)) != 0)
				add_toxic(&toxics, &faults->all[i].plan);
		}
		stage_set_link(faults->stage, (Link) link, &toxics);
	}
}

static void
reset_links(Faults *faults, Fault *fault, MonoUsec now)
{
	for (int link = 0; link < LINK_COUNT; link++)
	{
		if ((fault->plan.links & LINK_BIT(link)) != 0)
			stage_reset_link(faults->stage, (Link) link);
	}
	fault->next_reset = now + RESET_EVERY_USEC;
}

/* -------------------------------------------------------------------------
 * a fault's steps
 * ------------------------------------------------------------------------- */

static bool
break_it(Faults *faults, Fault *fault, Error *error)
{
	bool done = true;

	/* Before it is tried: what was begun has to be mended in any case. */
	fault->state = FAULT_BROKEN;
	if (fault->plan.kind == FAULT_CRASH)
		done = stage_crash(faults->stage, fault->plan.part, error);
	else if (fault->plan.kind == FAULT_PAUSE)
		stage_pause(faults->stage, fault->plan.part);
	else if (fault->plan.kind == FAULT_DISK_FULL)
		done = stage_fill_disk(faults->stage, error);
	else if (fault->plan.kind == FAULT_CONNECTIONS)
		done = stage_take_connections(faults->stage, error);
	/* All of them, too, after connections were taken. */
	set_links(faults);
	fault->from = clock_mono();
	if (fault->plan.kind == FAULT_RESET)
		reset_links(faults, fault, fault->from);
	return done;
}

static bool
begin_to_mend(Faults *faults, Fault *fault, Error *error)
{
	fault->state = FAULT_MENDING;
	fault->due_until = clock_mono();
	if (fault->plan.kind == FAULT_CRASH)
		return stage_restart(faults->stage, fault->plan.part, error);
	if (fault->plan.kind == FAULT_PAUSE)
		stage_resume(faults->stage, fault->plan.part);
	else if (fault->plan.kind == FAULT_CONNECTIONS)
		stage_give_connections(faults->stage);
	else if (is_of_link(fault->plan.kind))
		set_links(faults);
	return fault->plan.kind != FAULT_DISK_FULL || stage_empty_disk(faults->stage, error);
}

static bool
look_whether_over(Faults *faults, Fault *fault, Error *error)
{
	bool serves = true;

	/* What was paused, full or far away serves as soon as it isn't any more. */
	if (fault->plan.kind == FAULT_CRASH &&
		!stage_serves(faults->stage, fault->plan.part, &serves, error))
		return false;
	if (serves)
	{
		fault->state = FAULT_OVER;
		fault->until = clock_mono();
	}
	else if (clock_mono() > fault->due_until + MEND_LIMIT_USEC)
		return error_permanent(error, EXIT_SERVER, "the %s did not come back", fault->plan.where);
	return true;
}

/* What somebody has broken by hand, or what isn't back yet, can't be broken once more. */
static bool
can_break(const Faults *faults, const Fault *fault)
{
	return is_of_link(fault->plan.kind) || faults_part(faults, fault->plan.part) == PART_UP;
}

static bool
turn_planned(Faults *faults, Fault *fault, MonoUsec now, Error *error)
{
	if (can_break(faults, fault))
		return break_it(faults, fault, error);
	/* Its time has passed meanwhile: it never came. */
	if (now >= fault->due_until)
		fault->state = FAULT_OVER;
	return true;
}

static bool
turn_one(Faults *faults, Fault *fault, MonoUsec now, Error *error)
{
	if (fault->state == FAULT_PLANNED && now >= fault->due_from)
		return turn_planned(faults, fault, now, error);
	if (fault->state == FAULT_BROKEN && now >= fault->due_until &&
		!begin_to_mend(faults, fault, error))
		return false;
	if (fault->state == FAULT_MENDING)
		return look_whether_over(faults, fault, error);
	if (fault->state == FAULT_BROKEN && fault->plan.kind == FAULT_RESET && now >= fault->next_reset)
		reset_links(faults, fault, now);
	return true;
}

bool
faults_turn(Faults *faults, MonoUsec now, Error *error)
{
	for (int i = 0; i < faults->count; i++)
	{
		if (!turn_one(faults, &faults->all[i], now, error))
			return false;
	}
	return true;
}

bool
faults_end(Faults *faults, Error *error)
{
	bool done = true;

	for (int i = 0; i < faults->count; i++)
	{
		Fault *fault = &faults->all[i];

		if (fault->state == FAULT_PLANNED)
			fault->state = FAULT_OVER;
		else if (fault->state == FAULT_BROKEN && !begin_to_mend(faults, fault, error))
			done = false;
	}
	while (done && !faults_over(faults))
	{
		done = faults_turn(faults, clock_mono(), error);
		/* Not a wait that an interrupt ends: it may be the reason why we are here. */
		if (done && !faults_over(faults))
			clock_sleep_until(clock_mono() + STEP_USEC);
	}
	return done;
}

/* -------------------------------------------------------------------------
 * by hand
 * ------------------------------------------------------------------------- */

bool
faults_add_crash(Faults *faults, Part part, MonoUsec now)
{
	Fault *fault = &faults->all[faults->count];

	if (faults->count == FAULTS_MAX || !stage_has(faults->stage, part) ||
		faults_part(faults, part) != PART_UP)
		return false;
	*fault = (Fault){
		.plan = {.kind = FAULT_CRASH, .part = part}, .due_from = now, .due_until = MONO_NEVER};
	snprintf(fault->plan.where, sizeof(fault->plan.where), "%s", part_name(part));
	snprintf(fault->plan.text, sizeof(fault->plan.text), "crash %s, by hand", part_name(part));
	faults->count++;
	return true;
}

bool
faults_end_crash(Faults *faults, Part part, MonoUsec now)
{
	for (int i = 0; i < faults->count; i++)
	{
		Fault *fault = &faults->all[i];

		if (fault->state == FAULT_BROKEN && fault->plan.kind == FAULT_CRASH &&
			fault->plan.part == part)
		{
			fault->due_until = now;
			return true;
		}
	}
	return false;
}

void
faults_release(Faults *faults, MonoUsec now)
{
	for (int i = 0; i < faults->count; i++)
	{
		if (faults->all[i].due_until == MONO_NEVER)
			faults->all[i].due_until = now;
	}
}

/* -------------------------------------------------------------------------
 * from outside
 * ------------------------------------------------------------------------- */

bool
faults_over(const Faults *faults)
{
	for (int i = 0; i < faults->count; i++)
	{
		if (faults->all[i].state != FAULT_OVER)
			return false;
	}
	return true;
}

bool
faults_due(const Faults *faults, MonoUsec now)
{
	for (int i = 0; i < faults->count; i++)
	{
		const Fault *fault = &faults->all[i];

		if ((fault->state == FAULT_PLANNED && now >= fault->due_from && can_break(faults, fault)) ||
			(fault->state == FAULT_BROKEN && now >= fault->due_until))
			return true;
	}
	return false;
}

uint64_t
faults_active(const Faults *faults)
{
	uint64_t bits = 0;

	for (int i = 0; i < faults->count; i++)
	{
		if (is_active(&faults->all[i]))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

const char *
part_state_name(PartState state)
{
	static const char *const names[] = {"up", "down", "paused", "starting", "ill"};

	return names[state];
}

PartState
faults_part(const Faults *faults, Part part)
{
	PartState state = PART_UP;

	for (int i = 0; i < faults->count; i++)
	{
		const Fault *fault = &faults->all[i];

		if (!is_active(fault) || is_of_link(fault->plan.kind) || fault->plan.part != part)
			continue;
		if (fault->plan.kind == FAULT_CRASH)
			return fault->state == FAULT_BROKEN ? PART_DOWN : PART_STARTING;
		state = fault->plan.kind == FAULT_PAUSE ? PART_PAUSED : PART_ILL;
	}
	return state;
}

bool
faults_hide(const Faults *faults, Part part)
{
	for (int i = 0; i < faults->count; i++)
	{
		const Fault *fault = &faults->all[i];

		if (is_active(fault) && fault->plan.part == part &&
			(fault->plan.kind == FAULT_CRASH || fault->plan.kind == FAULT_PAUSE ||
			 fault->plan.kind == FAULT_CONNECTIONS))
			return true;
	}
	return false;
}

MonoUsec
faults_last_over(const Faults *faults)
{
	MonoUsec last = 0;

	for (int i = 0; i < faults->count; i++)
	{
		if (faults->all[i].until > last)
			last = faults->all[i].until;
	}
	return last;
}
