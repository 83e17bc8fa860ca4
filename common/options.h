/*
 * options.h
 *	  One table makes the parser, --help, the sample file and the documentation.
 *
 * Precedence: built-in < file (INI) < environment < command line.  An option
 * "postgres.slot" is
 *		[postgres]				in the file (or "postgres.slot = x" before any section)
 *		slot = x
 *		<PREFIX>_POSTGRES_SLOT	in the environment ('.' and '-' become '_')
 *		--postgres-slot x		on the command line ('.' and '_' become '-'); also --postgres-slot=x
 * Unrecognized keys are errors that name file and line, and the nearest name
 * there is.  Values are kept as text with their origin and checked against type
 * and range when they are set.  The precedence holds in whatever order the
 * sources are loaded.  In the environment, the variables that Kubernetes makes
 * for a service called as the program are passed over.
 *
 * A table may name one pass-through prefix ("kafka."): keys below it that are
 * not in the table are kept in order for options_each_passthrough().  From the
 * environment and the command line their '_' and '-' become '.'.  It may also
 * accept sections of a kind ("handler NAME"), kept for options_each_section().
 *
 * File syntax: "key = value"; "#" or ";" first in a line starts a comment; a
 * line that starts with white space continues the value above it, joined with a
 * newline (white space around each line is dropped, blank lines between too),
 * and is an error where that value has one line: it may have more in sections
 * of a kind, in an OPTION_CONNINFO that is no URI, where the default has more, and in
 * pass-through properties with ".pem" or "config" in the name.
 * White space before the first line may stand before all of them: it doesn't count.
 * UTF-8, no quoting, no inline comments, at most 1 MB.  The same key twice in a
 * file, the same "[kind NAME]" twice, and one of those without a key, are errors,
 * and so are, outside of "[kind NAME]", a value in double quotes and one with a
 * comment behind it.
 *
 * A secret can be in a file of its own: what is OPTION_SECRET or OPTION_CONNINFO,
 * and every pass-through property, has a twin "a.b_file" (in the environment
 * <PREFIX>_A_B_FILE, as Docker and Kubernetes have it, and --a-b-file) that names
 * the file.  Line ends at the file's end don't count.  Both in one source are an
 * error; of two sources the one of higher precedence wins, and only its file is
 * read, by options_load().
 */
#ifndef OUTBOX_COMMON_OPTIONS_H
#define OUTBOX_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buffer.h"
#include "error.h"

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_INT,	 /* min..max; both 0: no limits.  So for DURATION and BYTES, but not negative */
	OPTION_BOOL, /* on/off, true/false, yes/no, 1/0 */
	OPTION_DURATION, /* kept in ms; "250ms", "10s", "5min", "1h", "1d"; a bare number is in the table's unit */
	OPTION_BYTES, /* "64kB", "1MB", "1GB" (1024); a bare number is bytes */
	OPTION_ENUM	  /* one of "choices", separated by '|' */
} OptionType;

#define OPTION_SECRET 0x01	   /* masked in --print-config */
#define OPTION_RELOADABLE 0x02 /* SIGHUP takes it; the others need a restart */
#define OPTION_CONNINFO 0x04 /* libpq's; the passwords in it are masked (as in any "*.conninfo") */

typedef struct OptionSpec
{
	const char *name; /* "postgres.slot" */
	OptionType type;
	const char *default_value; /* NULL: no default */
	int64_t min;			   /* INT, DURATION (ms), BYTES */
	int64_t max;
	const char *choices; /* ENUM */
	const char *unit;	 /* for people: "ms", "bytes", "" */
	unsigned flags;
	const char *help; /* one or two sentences */
} OptionSpec;

typedef struct OptionTable
{
	const char *program;		 /* "outbox-relay" */
	const char *env_prefix;		 /* "OUTBOX_RELAY" */
	const char *passthrough;	 /* "kafka." or NULL */
	const char *section_kind;	 /* "handler" or NULL */
	const OptionSpec *specs;	 /* ended by a NULL name */
	bool passthrough_reloadable; /* SIGHUP takes what is below the prefix */
} OptionTable;

typedef struct Options Options;

/* Aborts when options_check_table() fails; NULL when there is no memory. */
extern Options *options_create(const OptionTable *table);
extern void options_free(Options *options); /* NULL is allowed */

/* For unit tests: names, defaults, ranges and choices of a table fit together. */
extern MUST_CHECK bool options_check_table(const OptionTable *table, Error *error);

extern MUST_CHECK bool options_load_file(Options *options, const char *path, Error *error);
extern MUST_CHECK bool options_load_env(Options *options, char **envp, Error *error);

/*
 * All sources: --config, its file, the environment, the command line, and the files of
 * secrets.  In argv, which is the process's title, secrets are overwritten.  *path is that
 * of --config; NULL: none.
 */
extern MUST_CHECK bool options_load(Options *options, int *argc, char **argv, char **envp,
									const char **path, Error *error);

/* What options_load() does last: reads the files that secrets are in, and puts conninfos together. */
extern MUST_CHECK bool options_read_files(Options *options, Error *error);

/* Says, in words, which files with secrets everybody may read. */
extern void options_warn(const Options *options, void (*say)(const char *text, void *arg),
						 void *arg);

/*
 * Takes the long options that the table knows out of argv (which is permuted)
 * and leaves the rest for the caller; *argc is what remains.  "--config FILE"
 * is for the caller: see options_take_config().
 */
extern MUST_CHECK bool options_load_args(Options *options, int *argc, char **argv, Error *error);

/* Fills the error for an argument that nobody took, with the nearest name as hint; returns false. */
extern bool options_refuse_argument(const OptionTable *table, const char *argument, Error *error);

/* Finds and removes "--config FILE" or "--config=FILE"; NULL when absent. */
extern MUST_CHECK bool options_take_config(int *argc, char **argv, const char **path, Error *error);

/* Set programmatically, as from "origin". */
extern MUST_CHECK bool options_set(Options *options, const char *name, const char *value,
								   const char *origin, Error *error);

/* Asking for a name that is not in the table is a bug and aborts. */
extern const char *options_text(const Options *options, const char *name); /* NULL when unset */
/* The value of "a.conninfo", with that of "a.password" when the table has it and it is set. */
extern const char *options_conninfo(const Options *options, const char *name);
extern int64_t options_int(const Options *options,
						   const char *name); /* INT, DURATION in ms, BYTES */
extern bool options_bool(const Options *options, const char *name);
extern int options_enum(const Options *options,
						const char *name); /* index of the choice; -1 when unset */
extern const char *options_origin(
	const Options *options,
	const char *name); /* "default", "file x:3", "environment OUTBOX_RELAY_X", "command line" */

/* How many settings of the table come from where. */
typedef struct OptionCounts
{
	int defaults;
	int file;
	int env;
	int args;
} OptionCounts;

extern OptionCounts options_count(const Options *options);

typedef bool (*OptionVisitor)(const char *name, const char *value, const char *origin, void *arg,
							  Error *error);

/* Names come without the prefix ("bootstrap.servers").  Stops at the first false. */
extern MUST_CHECK bool options_each_passthrough(const Options *options, OptionVisitor visit,
												void *arg, Error *error);

/* For each key of each "[kind NAME]" section, in file order; name is the key. */
typedef bool (*SectionVisitor)(const char *section, const char *key, const char *value,
							   const char *origin, void *arg, Error *error);
extern MUST_CHECK bool options_each_section(const Options *options, SectionVisitor visit, void *arg,
											Error *error);

/*
 * For a reload.  fresh is of the same table and was loaded from the same sources.  Names are full
 * ("kafka.linger.ms"); origin is that of the new value.
 */
typedef void (*OptionChangeVisitor)(const char *name, const char *origin, bool reloadable,
									void *arg);
extern void options_each_change(const Options *current, const Options *fresh,
								OptionChangeVisitor visit, void *arg);
/* PERMANENT with EXIT_CONFIG, naming them, when settings differ that only a restart can change. */
extern MUST_CHECK bool options_check_reload(const Options *current, const Options *fresh,
											Error *error);
/*
 * After options_check_reload(): current has fresh's values, and fresh is only good for
 * options_free().  Texts that didn't change stay where they are; the others go with fresh.
 */
extern void options_adopt(Options *current, Options *fresh);

extern void options_print_help(const OptionTable *table, FILE *out);   /* the options, grouped */
extern void options_print_config(const Options *options, FILE *out);   /* name = value  # origin */
extern void options_print_sample(const OptionTable *table, FILE *out); /* a commented INI file */
extern void options_print_markdown(const OptionTable *table,
								   FILE *out); /* for docs/configuration.md */

/* How far a misspelt name is from a right one; SIZE_MAX: too far to suggest it. */
extern size_t options_misspelling(const char *name, const char *right);

/* A connection string or URI with its passwords replaced, for people. */
extern void options_mask_conninfo(Buffer *out, const char *conninfo);
/* Whether that replaces anything. */
extern bool options_conninfo_has_secret(const char *conninfo);
/*
 * False for a URI with two at signs, one behind the host, or with a port that is no number: most likely a part of a
 * password that isn't percent-encoded, and would come to light as the name of a host.
 */
extern bool options_conninfo_is_plain(const char *conninfo);
/*
 * What libpq says of a connection string, in one line: what it quotes is left out when the
 * string has a secret, of which it may be a part.
 */
extern void options_conninfo_complaint(Buffer *out, const char *conninfo, const char *message);

#endif
