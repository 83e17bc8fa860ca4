/*
 * fault.h
 *	  Breaks parts and links of a stage when a scenario says so, and mends them.
 *
 *	planned ──from──▶ broken ──until──▶ mending ──it serves again──▶ over
 *
 * A part that isn't up, because it was crashed by hand or is still on its way back, is not
 * broken again: what is planned for it waits, and never comes when its time passes.
 *
 * Times are those of what happened: "from" is when the fault held, "until" when the
 * part served again.  Main thread only.
 */
#ifndef OUTBOX_COMPARE_FAULT_H
#define OUTBOX_COMPARE_FAULT_H

#include "clock.h"
#include "scenario.h"
#include "stage.h"

#define FAULTS_MAX 64

typedef enum FaultState
{
	FAULT_PLANNED,
	FAULT_BROKEN,
	FAULT_MENDING,
	FAULT_OVER
} FaultState;

typedef struct Fault
{
	FaultPlan plan;
	FaultState state;
	MonoUsec due_from;
	MonoUsec due_until;
	MonoUsec from; /* 0: it never held */
	MonoUsec until;
	MonoUsec next_reset; /* of links */
} Fault;

typedef struct Faults
{
	Stage *stage;
	Fault all[FAULTS_MAX];
	int count;
} Faults;

/* How a part looks from outside. */
typedef enum PartState
{
	PART_UP,
	PART_DOWN,
	PART_PAUSED,
	PART_STARTING,
	PART_ILL /* it runs, and does nothing or little */
} PartState;

extern const char *part_state_name(PartState state);

/* start: of the load. */
extern void faults_init(Faults *faults, Stage *stage, const Scenario *scenario, MonoUsec start);

/* By hand, from now on until it is mended by hand; false when there are too many or it is broken. */
extern bool faults_add_crash(Faults *faults, Part part, MonoUsec now);
extern bool faults_end_crash(Faults *faults, Part part, MonoUsec now);

/* What was broken by hand is mended from now on: nobody may come to do it. */
extern void faults_release(Faults *faults, MonoUsec now);

/* What is due.  May take a few seconds when a part is slow to go. */
extern MUST_CHECK bool faults_turn(Faults *faults, MonoUsec now, Error *error);

/* Whatever is broken is mended now, and what is still planned never comes. */
extern MUST_CHECK bool faults_end(Faults *faults, Error *error);

/* Something will be broken or mended by the next faults_turn(). */
extern bool faults_due(const Faults *faults, MonoUsec now);

/* Nothing is planned, broken or being mended any more. */
extern bool faults_over(const Faults *faults);
/* Bits of those that are broken or being mended; only the first 64 count. */
extern uint64_t faults_active(const Faults *faults);
extern PartState faults_part(const Faults *faults, Part part);
/* A session with that server would wait, or take a place that is needed. */
extern bool faults_hide(const Faults *faults, Part part);
/* When the last one was over; 0: none was. */
extern MonoUsec faults_last_over(const Faults *faults);

#endif
