/*
 * options_args.c
 *	  Environment and command line.
 *
 * Names are compared folded: in a variable '.' and '-' are '_', in an argument
 * '.' and '_' are '-'.  What is below the pass-through prefix and not in the
 * table becomes a property name with '.' throughout.
 */
#include "options_intern.h"

#include <ctype.h>
#include <string.h>

#include "exit_codes.h"

/* Lower case, with every separator as "separator"; false when it does not fit or has other bytes. */
static bool
fold_name(const char *text, size_t len, char separator, char *folded)
{
	if (!option_key_valid(text, len))
		return false;
	for (size_t i = 0; i < len; i++)
		folded[i] =
			strchr("._-", text[i]) != NULL ? separator : (char) tolower((unsigned char) text[i]);
	folded[len] = '\0';
	return true;
}

static bool
is_folded(const OptionSpec *spec, const char *suffix, const char *folded)
{
	char name[OPTION_NAME_MAX + 8];
	char other[OPTION_NAME_MAX];
	int len = snprintf(name, sizeof(name), "%s%s", spec->name, suffix);

	return len > 0 && fold_name(name, (size_t) len, '.', other) && strcmp(folded, other) == 0;
}

/*
 * The option's name for what a variable or an argument is called: that of the
 * table, or one written to "folded": of a pass-through, or of a secret's file.
 * NULL when there is none.
 */
static const char *
resolve(const OptionTable *table, const char *text, size_t len, char *folded)
{
	char other[OPTION_NAME_MAX];
	size_t prefix_len;

	if (!fold_name(text, len, '.', folded))
		return NULL;
	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		if (is_folded(spec, "", folded))
			return spec->name;
		if (option_may_be_in_file(spec) && is_folded(spec, "_file", folded))
		{
			snprintf(folded, OPTION_NAME_MAX, "%s_file", spec->name);
			return folded;
		}
	}
	if (table->passthrough == NULL)
		return NULL;
	prefix_len = strlen(table->passthrough);
	if (len > prefix_len && fold_name(table->passthrough, prefix_len, '.', other) &&
		strncmp(folded, other, prefix_len) == 0)
		return folded;
	return NULL;
}

bool
option_argument_is_secret(const OptionTable *table, const char *argument)
{
	char folded[OPTION_NAME_MAX];
	char base[OPTION_NAME_MAX];
	const char *name;
	const OptionSpec *spec;

	if (strncmp(argument, "--", 2) != 0)
		return false;
	name = resolve(table, argument + 2, strcspn(argument + 2, "="), folded);
	if (name == NULL || option_file_base(table, name, base))
		return false;
	spec = option_find(table, name);
	return spec != NULL ? option_may_be_in_file(spec) : option_passthrough_is_secret(name);
}

/*
 * A service called as the program makes Kubernetes put variables such as
 * OUTBOX_RELAY_SERVICE_HOST and OUTBOX_RELAY_PORT_9187_TCP_ADDR into every pod.
 */
static bool
is_service_link(const char *name, size_t len)
{
	return (len == 12 && strncmp(name, "SERVICE_HOST", len) == 0) ||
		   (len >= 12 && strncmp(name, "SERVICE_PORT", 12) == 0) ||
		   (len == 4 && strncmp(name, "PORT", len) == 0) ||
		   (len > 5 && strncmp(name, "PORT_", 5) == 0 && isdigit((unsigned char) name[5]));
}

bool
options_load_env(Options *options, char **envp, Error *error)
{
	const OptionTable *table = options->table;
	size_t prefix_len = strlen(table->env_prefix);

	for (; *envp != NULL; envp++)
	{
		const char *variable = *envp;
		const char *equals = strchr(variable, '=');
		char folded[OPTION_NAME_MAX];
		char text[OPTION_ORIGIN_MAX];
		OptionOrigin origin = {OPTION_SOURCE_ENV, text, text};
		const char *name;
		const char *suggestion;
		size_t len;

		if (equals == NULL || strncmp(variable, table->env_prefix, prefix_len) != 0 ||
			variable[prefix_len] != '_')
			continue;
		variable += prefix_len + 1;
		len = (size_t) (equals - variable);
		snprintf(text, sizeof(text), "environment %.*s", (int) (equals - *envp), *envp);

		name = resolve(table, variable, len, folded);
		if (name != NULL)
		{
			if (!option_assign(options, name, equals + 1, &origin, error))
				return false;
			continue;
		}
		if (is_service_link(variable, len))
			continue;
		error_permanent(error, EXIT_CONFIG, "unrecognized environment variable \"%.*s\"",
						(int) (equals - *envp), *envp);
		suggestion = fold_name(variable, len, '.', folded) ? option_suggest(table, folded) : NULL;
		if (suggestion != NULL)
		{
			char upper[OPTION_NAME_MAX];

			fold_name(suggestion, strlen(suggestion), '_', upper);
			for (char *c = upper; *c != '\0'; c++)
				*c = (char) toupper((unsigned char) *c);
			error_hint(error, "Did you mean \"%s_%s\"?", table->env_prefix, upper);
		}
		return false;
	}
	return true;
}

/* The value of argv[*index]: after '=', or the next argument; NULL when there is none. */
static const char *
argument_value(int argc, char **argv, int *index, const char *equals)
{
	if (equals != NULL)
		return equals + 1;
	if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
		return NULL;
	return argv[++*index];
}

static bool
refuse_missing(const char *argument, Error *error)
{
	error_permanent(error, EXIT_CONFIG, "option \"%s\" needs a value", argument);
	return error_hint(error, "A value that starts with \"--\" is written as %s=VALUE.", argument);
}

bool
options_load_args(Options *options, int *argc, char **argv, Error *error)
{
	int kept = *argc > 0 ? 1 : 0;
	bool ended = false;

	for (int i = kept; i < *argc; i++)
	{
		char *argument = argv[i];
		const char *equals = strchr(argument, '=');
		char folded[OPTION_NAME_MAX];
		char where[OPTION_ORIGIN_MAX];
		OptionOrigin origin = {OPTION_SOURCE_ARGS, "command line", where};
		const char *name = NULL;
		const char *value;
		size_t len;

		if (strcmp(argument, "--") == 0)
			ended = true;
		if (!ended && strncmp(argument, "--", 2) == 0)
		{
			len = equals != NULL ? (size_t) (equals - argument) : strlen(argument);
			name = resolve(options->table, argument + 2, len - 2, folded);
			snprintf(where, sizeof(where), "%.*s", (int) len, argument);
		}
		if (name == NULL)
		{
			argv[kept++] = argument;
			continue;
		}
		value = argument_value(*argc, argv, &i, equals);
		if (value == NULL)
			return refuse_missing(argument, error);
		if (!option_assign(options, name, value, &origin, error))
			return false;
	}
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

bool
options_take_config(int *argc, char **argv, const char **path, Error *error)
{
	int kept = *argc > 0 ? 1 : 0;
	bool ended = false;

	*path = NULL;
	for (int i = kept; i < *argc; i++)
	{
		char *argument = argv[i];
		const char *equals = NULL;

		if (strcmp(argument, "--") == 0)
			ended = true;
		if (strncmp(argument, "--config=", 9) == 0)
			equals = argument + 8;
		if (ended || (equals == NULL && strcmp(argument, "--config") != 0))
		{
			argv[kept++] = argument;
			continue;
		}
		if (*path != NULL)
			return error_permanent(error, EXIT_CONFIG, "option \"--config\" is given twice");
		*path = argument_value(*argc, argv, &i, equals);
		if (*path == NULL || **path == '\0')
			return error_permanent(error, EXIT_CONFIG, "option \"--config\" needs a file name");
	}
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

bool
options_refuse_argument(const OptionTable *table, const char *argument, Error *error)
{
	size_t len = strcspn(argument, "=");
	char folded[OPTION_NAME_MAX];
	const char *suggestion = NULL;

	error_permanent(error, EXIT_CONFIG, "unrecognized argument \"%.*s\"", (int) len, argument);
	if (len > 2 && strncmp(argument, "--", 2) == 0 && fold_name(argument + 2, len - 2, '.', folded))
		suggestion = option_suggest(table, folded);
	if (suggestion == NULL)
		return error_hint(error, "Try \"%s --help\".", table->program);
	fold_name(suggestion, strlen(suggestion), '-', folded);
	return error_hint(error, "Did you mean \"--%s\"?", folded);
}
