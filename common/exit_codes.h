/*
 * exit_codes.h
 *	  What the daemons' exit statuses mean.  They are part of the contract
 *	  (docs/operations.md): a supervisor may restart on 1 and must not on 2..29.
 */
#ifndef OUTBOX_COMMON_EXIT_CODES_H
#define OUTBOX_COMMON_EXIT_CODES_H

typedef enum ExitCode
{
	EXIT_OK = 0,
	EXIT_BUG = 1,	 /* a defect of the program, or out of memory */
	EXIT_CONFIG = 2, /* command line, configuration file or environment */
	EXIT_GAP = 10,	 /* the slot or Kafka is not where the relay left it: events may be missing */
	EXIT_NOT_INITIALIZED = 11, /* no extension, or no registration: run init */
	EXIT_PUBLICATION = 12,	   /* the publication is not as it must be: run init */
	EXIT_PERMISSION = 13,	   /* authentication failed or a privilege is missing */
	EXIT_SERVER =
		14, /* the server cannot do it: version, wal_level, no free slot, plugin refused */
	EXIT_POISON = 15,	/* an event that can't be published, and the policy is stop */
	EXIT_ROUTING = 16,	/* the recorded routing map and the topics or the options disagree */
	EXIT_MESSAGE = 17,	/* a logical message with our prefix that this relay can't read */
	EXIT_FINDINGS = 18, /* doctor found an error, or check a handler without a topic */
	EXIT_IN_USE = 19,	/* a command that needs the slot to itself, and a relay has it */
	EXIT_HANDLER = 20,	/* the target refuses a handler's statement, whatever the data */
	EXIT_DATA = 21,		/* an event that can never be applied */
	EXIT_OFFSETS = 22,	/* the topic isn't the one that was read before, or its records are gone */
	EXIT_FENCED = 23,	/* another consumer of the same group moved the progress */
	EXIT_DOUBLED = 24	/* verify found events more than once, and nothing worse */
} ExitCode;

#endif
