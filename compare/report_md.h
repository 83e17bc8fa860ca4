/*
 * report_md.h
 *	  The report's matrix and its verdict as Markdown.  Pure.
 */
#ifndef OUTBOX_COMPARE_REPORT_MD_H
#define OUTBOX_COMPARE_REPORT_MD_H

#include "buffer.h"
#include "report_read.h"

extern void report_md(Buffer *out, const json_t *report);

#endif
