/*
 * options_print.c
 *	  What is made from the table: help, the present settings, a sample file and
 *	  the reference.  Secrets are masked in the settings.
 */
#include "options_intern.h"

#include <string.h>

#define LINE_WIDTH 79

/* The part of a name before its first dot. */
static size_t
group_len(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL ? (size_t) (dot - name) : 0;
}

static bool
same_group(const OptionSpec *a, const OptionSpec *b)
{
	size_t len = group_len(a->name);

	return len == group_len(b->name) && strncmp(a->name, b->name, len) == 0;
}

static bool
is_first_of_group(const OptionTable *table, const OptionSpec *spec)
{
	for (const OptionSpec *earlier = table->specs; earlier != spec; earlier++)
	{
		if (same_group(earlier, spec))
			return false;
	}
	return true;
}

/* The group that the pass-through prefix "kafka." belongs to. */
static bool
is_passthrough_group(const OptionTable *table, const char *name, size_t len)
{
	return table->passthrough != NULL && strlen(table->passthrough) == len + 1 &&
		   strncmp(table->passthrough, name, len) == 0;
}

static bool
has_passthrough_group(const OptionTable *table)
{
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		if (is_passthrough_group(table, spec->name, group_len(spec->name)))
			return true;
	}
	return false;
}

/* Prints text in lines of LINE_WIDTH, each after the prefix. */
static void
print_wrapped(FILE *out, const char *prefix, const char *text)
{
	size_t prefix_len = strlen(prefix);
	size_t column = 0;

	while (*text != '\0')
	{
		size_t len = strcspn(text, " \n");

		if (column > 0 && column + 1 + len > LINE_WIDTH)
		{
			fputc('\n', out);
			column = 0;
		}
		if (len > 0)
		{
			column += (size_t) fprintf(out, "%s%.*s", column > 0 ? " " : prefix, (int) len, text);
			if (column < prefix_len)
				column = prefix_len;
		}
		text += len;
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

static void
print_replaced(FILE *out, const char *name, const char *set, char by)
{
	for (; *name != '\0'; name++)
		fputc(strchr(set, *name) != NULL ? by : *name, out);
}

/* What goes in the place of the value in --help. */
static const char *
placeholder(const OptionSpec *spec)
{
	switch (spec->type)
	{
		case OPTION_TEXT:
			return "TEXT";
		case OPTION_INT:
			return "NUMBER";
		case OPTION_BOOL:
			return "on|off";
		case OPTION_DURATION:
			return "DURATION";
		case OPTION_BYTES:
			return "SIZE";
		case OPTION_ENUM:
			return spec->choices;
	}
	return "VALUE";
}

/* "Expected: a whole number from 1 to 9; default 5; SIGHUP takes a new value." */
static void
append_facts(Buffer *out, const OptionSpec *spec)
{
	option_expected(spec, out);
	if (spec->default_value == NULL)
		buffer_append_str(out, "; no default");
	else if (spec->default_value[0] == '\0')
		buffer_append_str(out, "; default: empty");
	else
		buffer_printf(out, "; default: %s", spec->default_value);
	if (spec->flags & OPTION_RELOADABLE)
		buffer_append_str(out, "; reloadable");
}

static bool
has_secret(const OptionTable *table)
{
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		if (option_may_be_in_file(spec))
			return true;
	}
	return table->passthrough != NULL;
}

void
options_print_help(const OptionTable *table, FILE *out)
{
	static const char indent[] = "          ";
	Buffer where;

	for (const OptionSpec *first = table->specs; first->name != NULL; first++)
	{
		if (!is_first_of_group(table, first))
			continue;
		for (const OptionSpec *spec = first; spec->name != NULL; spec++)
		{
			Buffer facts;

			if (!same_group(first, spec))
				continue;
			fputs("  --", out);
			print_replaced(out, spec->name, "._", '-');
			fprintf(out, " %s\n", placeholder(spec));
			print_wrapped(out, indent, spec->help);
			buffer_init(&facts, 4096);
			buffer_append_str(&facts, "(");
			append_facts(&facts, spec);
			buffer_append_str(&facts, ")");
			print_wrapped(out, indent, facts.data);
			buffer_free(&facts);
		}
	}
	if (table->passthrough != NULL)
	{
		fputs("  --", out);
		print_replaced(out, table->passthrough, "._", '-');
		fputs("PROPERTY TEXT\n", out);
		print_wrapped(out, indent, "Any other property of the client library, by its own name.");
	}
	fputc('\n', out);
	buffer_init(&where, 4096);
	buffer_printf(&where,
				  "An option \"a.b\" is \"b = value\" in the section [a] of the file given by "
				  "--config, %s_A_B in the environment and --a-b on the command line; the last of "
				  "these that has it wins.",
				  table->env_prefix);
	if (has_secret(table))
		buffer_printf(&where,
					  " A secret may be in a file of its own: \"b_file\", %s_A_B_FILE or "
					  "--a-b-file names it, for passwords, connection strings%s%s.",
					  table->env_prefix,
					  table->passthrough != NULL ? " and every property of " : "",
					  table->passthrough != NULL ? table->passthrough : "");
	print_wrapped(out, "", where.failed ? "" : where.data);
	buffer_free(&where);
}

/* A value with its further lines indented, so that the file's parser would take it. */
static void
print_value(FILE *out, const char *name, const char *value, const OptionValue *of)
{
	fprintf(out, "%s = ", name);
	for (; *value != '\0'; value++)
	{
		fputc(*value, out);
		if (*value == '\n')
			fputs("    ", out);
	}
	fprintf(out, "  # %s", of->origin);
	if (of->path != NULL)
		fprintf(out, ": from %s", of->path);
	fputc('\n', out);
}

void
options_print_config(const Options *options, FILE *out)
{
	const OptionTable *table = options->table;
	const char *section = NULL;

	for (size_t i = 0; table->specs[i].name != NULL; i++)
	{
		const OptionValue *value = &options->values[i];
		Buffer shown;

		if (value->text == NULL)
		{
			fprintf(out, "# %s is not set\n", table->specs[i].name);
			continue;
		}
		buffer_init(&shown, SIZE_MAX / 2);
		option_append_masked(&shown, &table->specs[i], value->text);
		print_value(out, table->specs[i].name, shown.failed ? OPTION_MASK : shown.data, value);
		buffer_free(&shown);
	}
	for (size_t i = 0; i < options->passthrough.count; i++)
	{
		const OptionValue *item = &options->passthrough.items[i];
		bool hide = item->path != NULL || option_passthrough_is_secret(item->name);

		fputs(table->passthrough, out);
		print_value(out, item->name, hide ? OPTION_MASK : item->text, item);
	}
	for (size_t i = 0; i < options->sections.count; i++)
	{
		const OptionValue *item = &options->sections.items[i];

		if (section == NULL || strcmp(section, item->section) != 0)
			fprintf(out, "\n[%s %s]\n", table->section_kind, item->section);
		section = item->section;
		print_value(out, item->name,
					option_section_key_is_secret(item->name) ? OPTION_MASK : item->text, item);
	}
}

static void
print_sample_option(const OptionSpec *spec, FILE *out)
{
	size_t skip = group_len(spec->name);
	const char *key = spec->name + (skip > 0 ? skip + 1 : 0);
	Buffer facts;

	fputc('\n', out);
	print_wrapped(out, "# ", spec->help);
	buffer_init(&facts, 4096);
	append_facts(&facts, spec);
	print_wrapped(out, "# ", facts.data);
	buffer_free(&facts);

	fprintf(out, "#%s =", key);
	if (spec->default_value != NULL && spec->default_value[0] != '\0')
	{
		fputc(' ', out);
		for (const char *c = spec->default_value; *c != '\0'; c++)
		{
			fputc(*c, out);
			if (*c == '\n')
				fputs("#\t", out);
		}
	}
	fputc('\n', out);
}

static void
print_sample_passthrough(const OptionTable *table, FILE *out)
{
	fprintf(out, "\n# Any other property of the client library: %sNAME in one line a property.\n",
			table->passthrough);
}

void
options_print_sample(const OptionTable *table, FILE *out)
{
	fprintf(out, "# Settings of %s.  A line that starts with white space continues the\n",
			table->program);
	fputs("# value above it, if that may have lines; there are no quotes, and no comments\n# "
		  "behind a value.\n",
		  out);
	fprintf(out, "# The environment (%s_...) and the command line have precedence.\n",
			table->env_prefix);

	for (const OptionSpec *first = table->specs; first->name != NULL; first++)
	{
		size_t len = group_len(first->name);

		/* Names without a section can only stand before the first one. */
		if (len == 0)
			print_sample_option(first, out);
	}
	for (const OptionSpec *first = table->specs; first->name != NULL; first++)
	{
		size_t len = group_len(first->name);

		if (len == 0 || !is_first_of_group(table, first))
			continue;
		fprintf(out, "\n[%.*s]\n", (int) len, first->name);
		for (const OptionSpec *spec = first; spec->name != NULL; spec++)
		{
			if (same_group(first, spec))
				print_sample_option(spec, out);
		}
		if (is_passthrough_group(table, first->name, len))
			print_sample_passthrough(table, out);
	}
	if (table->passthrough != NULL && !has_passthrough_group(table))
	{
		fprintf(out, "\n[%.*s]\n", (int) strlen(table->passthrough) - 1, table->passthrough);
		print_sample_passthrough(table, out);
	}
	if (table->section_kind != NULL)
		fprintf(out, "\n# One section for each %s:\n#[%s NAME]\n", table->section_kind,
				table->section_kind);
}

/* Text for a cell of a table: '|' would end it. */
static void
print_cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '|')
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
}

void
options_print_markdown(const OptionTable *table, FILE *out)
{
	fputs("| option | value | default | reload | what it does |\n|---|---|---|---|---|\n", out);
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		Buffer expected;

		buffer_init(&expected, 4096);
		option_expected(spec, &expected);
		fprintf(out, "| `%s` | ", spec->name);
		print_cell(out, expected.data);
		fputs(" | ", out);
		if (spec->default_value == NULL)
			fputs("none", out);
		else if (spec->default_value[0] == '\0')
			fputs("empty", out);
		else
		{
			fputc('`', out);
			print_cell(out, spec->default_value);
			fputc('`', out);
		}
		fprintf(out, " | %s | ", spec->flags & OPTION_RELOADABLE ? "yes" : "restart");
		print_cell(out, spec->help);
		fputs(" |\n", out);
		buffer_free(&expected);
	}
	if (table->passthrough != NULL)
		fprintf(out,
				"| `%s<property>` | text | the library's | %s | Any other property of the client "
				"library. |\n",
				table->passthrough, table->passthrough_reloadable ? "yes" : "restart");
}
