/*
 * doctor.h
 *	  outbox-relay doctor: checks in order, a line each, and the line that mends it.
 *
 * Changes nothing, in PostgreSQL, Kafka or on disk, and works beside a running relay.
 */
#ifndef OUTBOX_RELAY_DOCTOR_H
#define OUTBOX_RELAY_DOCTOR_H

#include "finding.h"
#include "relay_options.h"

#include <stdio.h>

typedef struct DoctorRequest
{
	bool json;
	const char *config_file; /* NULL: none */
} DoctorRequest;

/* Writes the findings to out.  EXIT_OK: none is an error; else EXIT_FINDINGS. */
extern int doctor_run(const RelayConfig *config, const DoctorRequest *request, FILE *out);

/*
 * Text is two lines a finding at most: severity, check and what was found; the remedy, below
 * it.  JSON is one object: findings, errors, warnings.
 */
typedef struct DoctorReport DoctorReport;

extern MUST_CHECK DoctorReport *doctor_report_create(bool json, FILE *out);
extern void doctor_report_add(const Finding *finding, void *report); /* a FindingFn */
/* Ends and frees it; how many findings were errors. */
extern int doctor_report_finish(DoctorReport *report);

#endif
