/*
 * ingest_main.h
 *	  "outbox-compare ingest --config FILE": the ingest server as a program.  With
 *	  --print-schema alone it prints the tables that it wants in its databases.
 */
#ifndef OUTBOX_COMPARE_INGEST_MAIN_H
#define OUTBOX_COMPARE_INGEST_MAIN_H

/*
 * Runs until SIGTERM, SIGINT or SIGHUP; the exit status.  SIGUSR1: see
 * ingest_crash_between().
 */
extern int ingest_main(int argc, char **argv, char **environment);

#endif
