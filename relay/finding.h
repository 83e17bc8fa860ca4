/*
 * finding.h
 *	  What doctor found in one check, and the line that mends it.  Pure.
 *
 * A finding that is no FINDING_OK has a remedy: a line that can be executed as it
 * stands in the place that it names, or advice in words where no line would do.
 */
#ifndef OUTBOX_RELAY_FINDING_H
#define OUTBOX_RELAY_FINDING_H

#include "error.h"

#include <stddef.h>

/* The largest event that is accepted, when it can't be seen. */
#define EVENT_BYTES_UNKNOWN (-1)

typedef enum FindingSeverity
{
	FINDING_OK,
	FINDING_WARNING, /* works today */
	FINDING_ERROR	 /* the relay can't run, stops sooner or later, or makes others wait */
} FindingSeverity;

typedef enum RemedyPlace
{
	REMEDY_NONE,
	REMEDY_ADVICE,		/* words for people */
	REMEDY_SQL,			/* in the source database, by a superuser or the owner */
	REMEDY_REPLICATION, /* the same on a replication connection, while no relay runs */
	REMEDY_RELOAD,		/* postgresql.conf, then reload */
	REMEDY_RESTART,		/* postgresql.conf, then restart */
	REMEDY_HBA,			/* pg_hba.conf, above the other lines, then reload */
	REMEDY_SHELL,
	REMEDY_SETTING /* one that a reload takes: the relay's configuration file, above its sections */
} RemedyPlace;

typedef struct Finding
{
	const char *check; /* "wal_level"; a constant */
	FindingSeverity severity;
	char found[1024];
	RemedyPlace place;
	char remedy[2560];
} Finding;

/* Called for each finding, in order; it is gone afterwards. */
typedef void (*FindingFn)(const Finding *finding, void *arg);

/* What doctor was run as, for lines that run another command of the relay. */
typedef struct DoctorSetup
{
	const char *config_file; /* NULL: none */
	const char *slot;
	const char *publication;
	const char *kafka_servers; /* as a word of a shell */
	bool dead_letters;		   /* poison.policy is dead-letter */
} DoctorSetup;

extern void finding_begin(Finding *finding, const char *check);
extern void finding_set(Finding *finding, FindingSeverity severity, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Message, and detail when there is one. */
extern void finding_set_error(Finding *finding, FindingSeverity severity, const Error *error);
extern void finding_mend(Finding *finding, RemedyPlace place, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The shell line that runs a command of this program with the same configuration file. */
extern void finding_mend_by_relay(Finding *finding, const DoctorSetup *setup, const char *command);
/* The same of a command for which the role has no right, and can't be granted it: who has. */
extern void finding_mend_by_other_role(Finding *finding, const DoctorSetup *setup,
									   const char *command, const char *who);

/* As one word of a shell, in quotes where it needs them; false when it doesn't fit. */
extern MUST_CHECK bool finding_shell_word(const char *text, char *out, size_t size);

extern const char *finding_severity_name(FindingSeverity severity); /* "ok" */
/* For machines: "sql", "replication", ...; "" for REMEDY_NONE. */
extern const char *remedy_place_name(RemedyPlace place);
/* For people: "SQL", "postgresql.conf, then restart". */
extern const char *remedy_place_title(RemedyPlace place);

#endif
