/*
 * report_csv.h
 *	  The report as CSV (RFC 4180): a row for each path in each run.  Pure.
 */
#ifndef OUTBOX_COMPARE_REPORT_CSV_H
#define OUTBOX_COMPARE_REPORT_CSV_H

#include "buffer.h"
#include "report_read.h"

extern void report_csv(Buffer *out, const json_t *report);

#endif
