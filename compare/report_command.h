/*
 * report_command.h
 *	  outbox-compare report FILE.json [--out=DIR]
 */
#ifndef OUTBOX_COMPARE_REPORT_COMMAND_H
#define OUTBOX_COMPARE_REPORT_COMMAND_H

#include "error.h"

/* argv[0] is "report"; says on stdout where the page is. */
extern MUST_CHECK bool report_command(int argc, char **argv, Error *error);

#endif
