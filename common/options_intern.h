/*
 * options_intern.h
 *	  What the files of the option table share.  For options*.c alone.
 */
#ifndef OUTBOX_COMMON_OPTIONS_INTERN_H
#define OUTBOX_COMMON_OPTIONS_INTERN_H

#include "buffer.h"
#include "options.h"

#define OPTION_NAME_MAX 128 /* bytes of a full name, with the terminator */
#define OPTION_ORIGIN_MAX 512

/* In rising precedence. */
typedef enum OptionSource
{
	OPTION_SOURCE_DEFAULT,
	OPTION_SOURCE_FILE,
	OPTION_SOURCE_ENV,
	OPTION_SOURCE_ARGS,
	OPTION_SOURCE_PROGRAM
} OptionSource;

typedef struct OptionOrigin
{
	OptionSource source;
	const char *text;  /* for people: "file relay.ini:3" */
	const char *where; /* what starts an error message: "relay.ini:3" */
} OptionOrigin;

/* The value of a table option, of a pass-through key or of a key in a "[kind NAME]" section. */
typedef struct OptionValue
{
	char *section; /* NAME, in sections alone */
	char *name;	   /* of pass-through (without the prefix) and section keys; NULL in the table's */
	char *text;	   /* NULL: unset, or not read yet */
	char *path;	   /* of the file that holds the text; NULL: none does */
	bool exposed;  /* that file may be read by everybody */
	char *origin;
	OptionSource source;
	int64_t number; /* INT, BOOL, DURATION, BYTES; ENUM: index of the choice */
} OptionValue;

typedef struct OptionList
{
	OptionValue *items;
	size_t count;
	size_t capacity;
} OptionList;

struct Options
{
	const OptionTable *table;
	OptionValue *values; /* one for each spec, in its order */
	OptionList passthrough;
	OptionList sections;
	char *exposed_file; /* the INI file, when everybody may read it */
	char *conninfo;		/* with the password of an option of its own; NULL: none has one */
	const OptionSpec *conninfo_of;
};

/* options.c */
extern size_t option_table_size(const OptionTable *table);
extern const OptionSpec *option_find(const OptionTable *table, const char *name);
extern bool option_assign(Options *options, const char *name, const char *value,
						  const OptionOrigin *origin, Error *error);
extern bool option_assign_section(Options *options, const char *section, const char *key,
								  const char *value, const OptionOrigin *origin, Error *error);

/* For each value of the table, then for each that is passed through; stops at the first false. */
typedef bool (*OptionValueVisitor)(Options *options, OptionValue *value, const OptionSpec *spec,
								   const char *name, Error *error);
extern bool option_each_value(Options *options, OptionValueVisitor visit, Error *error);

/* options_secret.c: the option that "name" ("a.b_file", "a.b.file") gives the file of; false: none. */
extern bool option_file_base(const OptionTable *table, const char *name, char *base);
extern bool option_may_be_in_file(const OptionSpec *spec);
/* Keys and certificates have many lines; what has one line and got two is a mistake. */
extern bool option_property_has_lines(const char *name);

/* options_args.c: whether a long option of the command line holds a secret in its value. */
extern bool option_argument_is_secret(const OptionTable *table, const char *argument);

/* options_value.c */
extern bool option_value_parse(const OptionSpec *spec, const char *text, int64_t *number);
extern void option_expected(const OptionSpec *spec, Buffer *out); /* "a whole number from 1 to 9" */
extern bool option_key_valid(const char *key, size_t len);

/* options_suggest.c: a name, or a section, that a wrong one is close to; NULL when none is. */
extern const char *option_suggest(const OptionTable *table, const char *name);
extern const char *option_suggest_section(const OptionTable *table, const char *section,
										  int *section_len);

/* options_mask.c */
extern bool option_passthrough_is_secret(const char *name);
extern bool option_section_key_is_secret(const char *key);
extern void option_append_masked(Buffer *out, const OptionSpec *spec, const char *value);

#define OPTION_MASK "********"

#endif
