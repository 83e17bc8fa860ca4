/*
 * options.c
 *	  The values of an option table, with their origins.
 *
 * A value is kept as text and as number; a source of lower precedence never
 * replaces one of higher precedence, in whatever order they are loaded, but its
 * values are checked all the same.  A table that contradicts itself, and asking
 * for a name that is not in it, are defects of the program: both abort.
 */
#include "options_intern.h"

#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

size_t
option_table_size(const OptionTable *table)
{
	size_t count = 0;

	while (table->specs[count].name != NULL)
		count++;
	return count;
}

const OptionSpec *
option_find(const OptionTable *table, const char *name)
{
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		if (strcmp(spec->name, name) == 0)
			return spec;
	}
	return NULL;
}

/* The same name for the environment and the command line. */
static bool
same_when_folded(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
	{
		bool a_separates = strchr("._-", *a) != NULL;
		bool b_separates = strchr("._-", *b) != NULL;

		if (a_separates != b_separates || (!a_separates && *a != *b))
			return false;
	}
	return *a == *b;
}

bool
options_check_table(const OptionTable *table, Error *error)
{
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		int64_t number;

		if (!option_key_valid(spec->name, strlen(spec->name)))
			return error_bug(error, "option \"%s\": invalid name", spec->name);
		if (spec->help == NULL || spec->help[0] == '\0')
			return error_bug(error, "option \"%s\" has no help", spec->name);
		if (spec->type == OPTION_ENUM && spec->choices == NULL)
			return error_bug(error, "option \"%s\" has no choices", spec->name);
		if (spec->min > spec->max)
			return error_bug(error, "option \"%s\" has an empty range", spec->name);
		if (spec->default_value != NULL && !option_value_parse(spec, spec->default_value, &number))
			return error_bug(error, "option \"%s\": invalid default \"%s\"", spec->name,
							 spec->default_value);
		for (const OptionSpec *other = table->specs; other != spec; other++)
		{
			if (same_when_folded(other->name, spec->name))
				return error_bug(error, "options \"%s\" and \"%s\" have one name", other->name,
								 spec->name);
		}
	}
	return true;
}

Options *
options_create(const OptionTable *table)
{
	Options *options;
	Error error;

	if (!options_check_table(table, &error))
	{
		fprintf(stderr, "%s: %s\n", table->program, error.message);
		abort();
	}
	options = calloc(1, sizeof(*options));
	if (options == NULL)
		return NULL;
	options->table = table;
	options->values = calloc(option_table_size(table) + 1, sizeof(*options->values));
	if (options->values == NULL)
	{
		free(options);
		return NULL;
	}
	for (size_t i = 0; table->specs[i].name != NULL; i++)
	{
		const OptionSpec *spec = &table->specs[i];
		OptionValue *value = &options->values[i];

		value->origin = strdup("default");
		value->text = spec->default_value != NULL ? strdup(spec->default_value) : NULL;
		if (value->origin == NULL || (spec->default_value != NULL && value->text == NULL))
		{
			options_free(options);
			return NULL;
		}
		if (spec->default_value == NULL ||
			!option_value_parse(spec, spec->default_value, &value->number))
			value->number = spec->type == OPTION_ENUM ? -1 : 0;
	}
	return options;
}

static void
free_value(OptionValue *value)
{
	free(value->section);
	free(value->name);
	free(value->text);
	free(value->path);
	free(value->origin);
}

static void
free_list(OptionList *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_value(&list->items[i]);
	free(list->items);
}

void
options_free(Options *options)
{
	if (options == NULL)
		return;
	for (size_t i = 0; options->table->specs[i].name != NULL; i++)
		free_value(&options->values[i]);
	free(options->values);
	free_list(&options->passthrough);
	free_list(&options->sections);
	free(options->exposed_file);
	free(options->conninfo);
	free(options);
}

/*
 * Replaces text and origin unless the value that is there has precedence.  is_path: the text
 * is the path of the file that has the value.
 */
static bool
replace(OptionValue *value, const char *text, bool is_path, int64_t number,
		const OptionOrigin *origin, Error *error)
{
	char *new_text;
	char *new_origin;

	if (value->origin != NULL && origin->source < value->source)
		return true;
	new_text = strdup(text);
	new_origin = strdup(origin->text);
	if (new_text == NULL || new_origin == NULL)
	{
		free(new_text);
		free(new_origin);
		return error_bug(error, "out of memory");
	}
	free(value->text);
	free(value->path);
	free(value->origin);
	value->text = is_path ? NULL : new_text;
	value->path = is_path ? new_text : NULL;
	value->exposed = false;
	value->origin = new_origin;
	value->number = number;
	value->source = origin->source;
	return true;
}

/* A new item, or NULL when there is no memory. */
static OptionValue *
append_item(OptionList *list, const char *section, const char *name)
{
	OptionValue *item;

	if (list->count == list->capacity)
	{
		size_t capacity = list->capacity * 2 + 8;
		OptionValue *items = realloc(list->items, capacity * sizeof(*items));

		if (items == NULL)
			return NULL;
		list->items = items;
		list->capacity = capacity;
	}
	item = &list->items[list->count];
	memset(item, 0, sizeof(*item));
	item->name = strdup(name);
	item->section = section != NULL ? strdup(section) : NULL;
	if (item->name == NULL || (section != NULL && item->section == NULL))
	{
		free_value(item);
		return NULL;
	}
	list->count++;
	return item;
}

/* "file relay.ini:3" and "file relay.ini:9" are of one file. */
static bool
same_file(const char *a, const char *b)
{
	const char *a_end = strrchr(a, ':');
	const char *b_end = strrchr(b, ':');

	return a_end != NULL && b_end != NULL && a_end - a == b_end - b &&
		   strncmp(a, b, (size_t) (a_end - a)) == 0;
}

static bool
refuse_twice(const OptionValue *value, const char *name, const OptionOrigin *origin, Error *error)
{
	if (origin->source != OPTION_SOURCE_FILE || value->source != OPTION_SOURCE_FILE ||
		value->origin == NULL || !same_file(value->origin, origin->text))
		return true;
	error_permanent(error, EXIT_CONFIG, "%s: \"%s\" is set twice", origin->where, name);
	return error_detail(error, "It was set before in %s.", value->origin);
}

/* A value and its file, from one source: nobody knows which one is meant. */
static bool
refuse_both(const OptionValue *value, const char *name, bool is_path, const OptionOrigin *origin,
			Error *error)
{
	if (value->origin == NULL || value->source != origin->source ||
		value->source == OPTION_SOURCE_DEFAULT || (value->path != NULL) == is_path)
		return true;
	error_permanent(error, EXIT_CONFIG, "%s: \"%s\" and \"%s_file\" are both set", origin->where,
					name, name);
	return error_detail(error, "The other one is set in %s.", value->origin);
}

static bool
assign_passthrough(Options *options, const char *full_name, const char *value, bool is_path,
				   const OptionOrigin *origin, Error *error)
{
	const char *name = full_name + strlen(options->table->passthrough);
	OptionList *list = &options->passthrough;
	OptionValue *item = NULL;

	for (size_t i = 0; i < list->count && item == NULL; i++)
	{
		if (strcmp(list->items[i].name, name) == 0)
			item = &list->items[i];
	}
	if (item != NULL && (!refuse_both(item, full_name, is_path, origin, error) ||
						 !refuse_twice(item, full_name, origin, error)))
		return false;
	if (item == NULL && (item = append_item(list, NULL, name)) == NULL)
		return error_bug(error, "out of memory");
	return replace(item, value, is_path, 0, origin, error);
}

static bool
refuse_value(const OptionSpec *spec, const char *value, const OptionOrigin *origin, Error *error)
{
	Buffer expected;

	if (spec->flags & (OPTION_SECRET | OPTION_CONNINFO))
		error_permanent(error, EXIT_CONFIG, "%s: invalid value for \"%s\"", origin->where,
						spec->name);
	else
		error_permanent(error, EXIT_CONFIG, "%s: invalid value for \"%s\": \"%s\"", origin->where,
						spec->name, value);
	buffer_init(&expected, 400);
	option_expected(spec, &expected);
	error_detail(error, "Expected %s.", expected.data);
	buffer_free(&expected);
	return false;
}

bool
option_assign(Options *options, const char *name, const char *value, const OptionOrigin *origin,
			  Error *error)
{
	const OptionTable *table = options->table;
	size_t prefix_len = table->passthrough != NULL ? strlen(table->passthrough) : 0;
	char base[OPTION_NAME_MAX];
	bool is_path = option_file_base(table, name, base);
	const char *set_name = is_path ? base : name;
	const OptionSpec *spec = option_find(table, set_name);
	OptionValue *target;
	const char *suggestion;
	int64_t number = 0;

	if (is_path && *value == '\0')
		return error_permanent(error, EXIT_CONFIG, "%s: \"%s\" has no file name", origin->where,
							   name);
	if (spec != NULL)
	{
		target = &options->values[spec - table->specs];
		if (!refuse_both(target, set_name, is_path, origin, error) ||
			!refuse_twice(target, set_name, origin, error))
			return false;
		if (!is_path && !option_value_parse(spec, value, &number))
			return refuse_value(spec, value, origin, error);
		return replace(target, value, is_path, number, origin, error);
	}
	if (prefix_len > 0 && strncmp(set_name, table->passthrough, prefix_len) == 0 &&
		set_name[prefix_len] != '\0')
		return assign_passthrough(options, set_name, value, is_path, origin, error);

	error_permanent(error, EXIT_CONFIG, "%s: unrecognized key \"%s\"", origin->where, name);
	suggestion = option_suggest(table, name);
	if (suggestion != NULL)
		error_hint(error, "Did you mean \"%s\"?", suggestion);
	return false;
}

bool
option_assign_section(Options *options, const char *section, const char *key, const char *value,
					  const OptionOrigin *origin, Error *error)
{
	OptionList *list = &options->sections;
	OptionValue *item;

	for (size_t i = 0; i < list->count; i++)
	{
		item = &list->items[i];
		if (strcmp(item->section, section) == 0 && strcmp(item->name, key) == 0)
		{
			error_permanent(error, EXIT_CONFIG, "%s: \"%s\" is set twice in section \"%s %s\"",
							origin->where, key, options->table->section_kind, section);
			return error_detail(error, "It was set before in %s.", item->origin);
		}
	}
	item = append_item(list, section, key);
	if (item == NULL)
		return error_bug(error, "out of memory");
	return replace(item, value, false, 0, origin, error);
}

bool
option_each_value(Options *options, OptionValueVisitor visit, Error *error)
{
	const OptionTable *table = options->table;
	char name[OPTION_NAME_MAX * 2];

	for (size_t i = 0; table->specs[i].name != NULL; i++)
	{
		if (!visit(options, &options->values[i], &table->specs[i], table->specs[i].name, error))
			return false;
	}
	for (size_t i = 0; i < options->passthrough.count; i++)
	{
		OptionValue *item = &options->passthrough.items[i];

		snprintf(name, sizeof(name), "%s%s", table->passthrough, item->name);
		if (!visit(options, item, NULL, name, error))
			return false;
	}
	return true;
}

bool
options_set(Options *options, const char *name, const char *value, const char *origin, Error *error)
{
	OptionOrigin set_by = {OPTION_SOURCE_PROGRAM, origin, origin};

	return option_assign(options, name, value, &set_by, error);
}

static const OptionValue *
value_of(const Options *options, const char *name)
{
	const OptionSpec *spec = option_find(options->table, name);

	if (spec == NULL)
	{
		fprintf(stderr, "%s: no option \"%s\"\n", options->table->program, name);
		abort();
	}
	return &options->values[spec - options->table->specs];
}

const char *
options_text(const Options *options, const char *name)
{
	return value_of(options, name)->text;
}

int64_t
options_int(const Options *options, const char *name)
{
	return value_of(options, name)->number;
}

bool
options_bool(const Options *options, const char *name)
{
	return value_of(options, name)->number != 0;
}

int
options_enum(const Options *options, const char *name)
{
	return (int) value_of(options, name)->number;
}

const char *
options_conninfo(const Options *options, const char *name)
{
	const char *text = options_text(options, name);

	return options->conninfo_of == option_find(options->table, name) && options->conninfo != NULL
			   ? options->conninfo
			   : text;
}

const char *
options_origin(const Options *options, const char *name)
{
	return value_of(options, name)->origin;
}

OptionCounts
options_count(const Options *options)
{
	OptionCounts counts = {0};

	for (size_t i = 0; options->table->specs[i].name != NULL; i++)
	{
		counts.defaults += options->values[i].source == OPTION_SOURCE_DEFAULT;
		counts.file += options->values[i].source == OPTION_SOURCE_FILE;
		counts.env += options->values[i].source == OPTION_SOURCE_ENV;
		counts.args += options->values[i].source >= OPTION_SOURCE_ARGS;
	}
	return counts;
}

bool
options_each_passthrough(const Options *options, OptionVisitor visit, void *arg, Error *error)
{
	for (size_t i = 0; i < options->passthrough.count; i++)
	{
		const OptionValue *item = &options->passthrough.items[i];

		if (item->text != NULL && !visit(item->name, item->text, item->origin, arg, error))
			return false;
	}
	return true;
}

bool
options_each_section(const Options *options, SectionVisitor visit, void *arg, Error *error)
{
	for (size_t i = 0; i < options->sections.count; i++)
	{
		const OptionValue *item = &options->sections.items[i];

		if (!visit(item->section, item->name, item->text, item->origin, arg, error))
			return false;
	}
	return true;
}
