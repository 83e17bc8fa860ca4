/*
 * options_secret.c
 *	  Secrets in files of their own, and what is done so that nobody sees one.
 *
 * Refuses, naming the place of the setting: a file that can't be read, is empty, is larger
 * than 64 kB, has a zero byte, has a second line where a value has one, or may be written by
 * everybody.  One that everybody may read is named by options_warn() and taken: the files
 * that Docker and Kubernetes mount are like that unless they are told otherwise.
 */
#include "options_intern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_codes.h"

#define SECRET_SIZE_MAX 65536
#define SUFFIX_LEN 5 /* "_file" */

bool
option_may_be_in_file(const OptionSpec *spec)
{
	return (spec->flags & (OPTION_SECRET | OPTION_CONNINFO)) != 0;
}

bool
option_file_base(const OptionTable *table, const char *name, char *base)
{
	size_t len = strlen(name);
	size_t prefix_len = table->passthrough != NULL ? strlen(table->passthrough) : 0;
	const OptionSpec *spec;

	if (len <= SUFFIX_LEN || len >= OPTION_NAME_MAX || option_find(table, name) != NULL ||
		strchr("._-", name[len - SUFFIX_LEN]) == NULL ||
		strcmp(name + len - SUFFIX_LEN + 1, "file") != 0)
		return false;
	memcpy(base, name, len - SUFFIX_LEN);
	base[len - SUFFIX_LEN] = '\0';
	spec = option_find(table, base);
	if (spec != NULL)
		return option_may_be_in_file(spec);
	return prefix_len > 0 && len - SUFFIX_LEN > prefix_len &&
		   strncmp(base, table->passthrough, prefix_len) == 0;
}

/* -------------------------------------------------------------------------
 * the files
 * -------------------------------------------------------------------------
 */

static bool
refuse_file(const OptionValue *value, const char *name, const char *reason, Error *error)
{
	const char *where = value->origin;

	if (value->source == OPTION_SOURCE_FILE)
		where += strlen("file ");
	return error_permanent(error, EXIT_CONFIG, "%s: the file \"%s\" of \"%s\" %s", where,
						   value->path, name, reason);
}

static bool
read_descriptor(int fd, const OptionValue *value, const char *name, Buffer *text, Error *error)
{
	char chunk[4096];
	char reason[128];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) != 0)
	{
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
		{
			snprintf(reason, sizeof(reason), "could not be read: %s", strerror(errno));
			return refuse_file(value, name, reason, error);
		}
		buffer_append(text, chunk, (size_t) got);
		if (text->no_memory)
			return error_bug(error, "out of memory");
		if (text->failed)
			return refuse_file(value, name, "is larger than 64 kB", error);
	}
	return true;
}

static bool
read_secret(OptionValue *value, const char *name, Buffer *text, Error *error)
{
	int fd = open(value->path, O_RDONLY | O_CLOEXEC);
	char reason[128];
	struct stat facts;
	bool ok;

	if (fd < 0)
	{
		snprintf(reason, sizeof(reason), "could not be opened: %s", strerror(errno));
		refuse_file(value, name, reason, error);
		if (errno == EACCES)
			return error_hint(error, "Let the user that this program runs as read it.");
		return false;
	}
	ok = read_descriptor(fd, value, name, text, error);
	if (ok && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode))
	{
		value->exposed = (facts.st_mode & S_IROTH) != 0;
		if ((facts.st_mode & S_IWOTH) != 0)
		{
			ok = refuse_file(value, name, "may be written by everybody", error);
			error_hint(error, "chmod 600, or 640 with a group of its own.");
		}
	}
	close(fd);
	return ok;
}

bool
option_property_has_lines(const char *name)
{
	return strstr(name, ".pem") != NULL || strstr(name, "config") != NULL;
}

static bool
check_secret(OptionValue *value, const char *name, const Buffer *text, Error *error)
{
	if (text->len == 0)
		return refuse_file(value, name, "is empty", error);
	if (memchr(text->data, '\0', text->len) != NULL)
		return refuse_file(value, name, "has a zero byte", error);
	if (memchr(text->data, '\n', text->len) != NULL && !option_property_has_lines(name))
		return refuse_file(value, name, "has more than one line", error);
	return true;
}

static bool
read_file_of(Options *options, OptionValue *value, const OptionSpec *spec, const char *name,
			 Error *error)
{
	Buffer text;
	bool ok;

	(void) options;
	if (value->path == NULL || value->text != NULL)
		return true;
	buffer_init(&text, SECRET_SIZE_MAX);
	ok = read_secret(value, name, &text, error);
	if (ok)
	{
		while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]) != NULL)
			text.data[--text.len] = '\0';
		ok = check_secret(value, name, &text, error);
		if (ok && spec != NULL && !option_value_parse(spec, text.data, &value->number))
			ok = refuse_file(value, name, "holds an invalid value", error);
	}
	if (ok)
	{
		value->text = strdup(text.data);
		ok = value->text != NULL || error_bug(error, "out of memory");
	}
	buffer_free(&text);
	return ok;
}

/* -------------------------------------------------------------------------
 * "a.password" beside "a.conninfo"
 * -------------------------------------------------------------------------
 */

static void
append_percent(Buffer *out, const char *text)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++)
	{
		if (strchr(safe, *text) != NULL)
			buffer_append(out, text, 1);
		else
			buffer_printf(out, "%%%02X", (unsigned) (unsigned char) *text);
	}
}

static void
append_quoted(Buffer *out, const char *text)
{
	buffer_append_str(out, "'");
	for (; *text != '\0'; text++)
	{
		if (*text == '\'' || *text == '\\')
			buffer_append_str(out, "\\");
		buffer_append(out, text, 1);
	}
	buffer_append_str(out, "'");
}

static void
add_password(Buffer *out, const char *conninfo, const char *password)
{
	if (strncmp(conninfo, "postgresql://", 13) == 0 || strncmp(conninfo, "postgres://", 11) == 0)
	{
		buffer_append_str(out, conninfo);
		buffer_append_str(out, strchr(conninfo, '?') != NULL ? "&password=" : "?password=");
		append_percent(out, password);
		return;
	}
	if (*conninfo != '\0' && strchr(conninfo, '=') == NULL)
	{
		buffer_append_str(out, "dbname="); /* as libpq takes it */
		append_quoted(out, conninfo);
	}
	else
		buffer_append_str(out, conninfo);
	buffer_append_str(out, " password=");
	append_quoted(out, password);
}

static bool
join_password(Options *options, OptionValue *value, const OptionSpec *spec, const char *name,
			  Error *error)
{
	size_t len = strlen(name);
	char other[OPTION_NAME_MAX];
	const OptionSpec *target;
	const char *conninfo;
	Buffer joined;

	if (spec == NULL || value->text == NULL || *value->text == '\0' || len < 10 ||
		strcmp(name + len - 9, ".password") != 0)
		return true;
	snprintf(other, sizeof(other), "%.*s.conninfo", (int) (len - 9), name);
	target = option_find(options->table, other);
	if (target == NULL)
		return true;
	conninfo = options_text(options, other);
	if (conninfo == NULL)
		conninfo = "";
	buffer_init(&joined, SECRET_SIZE_MAX * 4);
	options_mask_conninfo(&joined, conninfo);
	if (!joined.no_memory && (joined.failed || strcmp(joined.data, conninfo) != 0))
	{
		buffer_free(&joined);
		error_permanent(error, EXIT_CONFIG, "\"%s\" has a password, and \"%s\" is set", other,
						name);
		return error_hint(error, "Take one of them away (%s, %s).", options_origin(options, other),
						  value->origin);
	}
	if (!joined.no_memory)
	{
		buffer_reset(&joined);
		add_password(&joined, conninfo, value->text);
	}
	free(options->conninfo);
	options->conninfo = joined.failed ? NULL : strdup(joined.data);
	options->conninfo_of = target;
	buffer_free(&joined);
	return options->conninfo != NULL || error_bug(error, "out of memory");
}

bool
options_read_files(Options *options, Error *error)
{
	return option_each_value(options, read_file_of, error) &&
		   option_each_value(options, join_password, error);
}

/* -------------------------------------------------------------------------
 * everything, and what others may see
 * -------------------------------------------------------------------------
 */

static void
overwrite(char *text)
{
	memset(text, '*', strlen(text));
}

/* The process's title is the memory of argv. */
static void
hide_arguments(const OptionTable *table, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		char *equals = strchr(argv[i], '=');

		if (!option_argument_is_secret(table, argv[i]))
			continue;
		if (equals != NULL)
			overwrite(equals + 1);
		else if (i + 1 < argc)
			overwrite(argv[++i]);
	}
}

bool
options_load(Options *options, int *argc, char **argv, char **envp, const char **path, Error *error)
{
	int count = *argc;
	char **all = calloc((size_t) count + 1, sizeof(*all));
	bool ok;

	if (all == NULL)
		return error_bug(error, "out of memory");
	memcpy(all, argv, (size_t) count * sizeof(*all));
	ok = options_take_config(argc, argv, path, error) &&
		 (*path == NULL || options_load_file(options, *path, error)) &&
		 options_load_env(options, envp, error) && options_load_args(options, argc, argv, error) &&
		 options_read_files(options, error);
	hide_arguments(options->table, count, all);
	free(all);
	return ok;
}

static bool
holds_secret(const OptionSpec *spec, const char *name, const char *text)
{
	if (spec == NULL)
		return option_passthrough_is_secret(name);
	return (spec->flags & OPTION_SECRET) != 0 ||
		   ((spec->flags & OPTION_CONNINFO) != 0 && options_conninfo_has_secret(text));
}

typedef struct Warning
{
	void (*say)(const char *text, void *arg);
	void *arg;
} Warning;

static void
warn_of(const Options *options, const OptionValue *value, const OptionSpec *spec, const char *name,
		const Warning *warning, bool *file_named)
{
	char text[1200];

	if (value->path != NULL && value->exposed)
	{
		snprintf(text, sizeof(text),
				 "the file \"%s\" of \"%s\" may be read by everybody: chmod 600, or 640 with a "
				 "group of its own",
				 value->path, name);
		warning->say(text, warning->arg);
	}
	if (value->path == NULL && value->text != NULL && *value->text != '\0' &&
		value->source == OPTION_SOURCE_FILE && options->exposed_file != NULL && !*file_named &&
		holds_secret(spec, name, value->text))
	{
		snprintf(text, sizeof(text),
				 "the file \"%s\" holds \"%s\" and may be read by everybody: chmod 600, or name a "
				 "file of its own with \"%s_file\"",
				 options->exposed_file, name, name);
		warning->say(text, warning->arg);
		*file_named = true;
	}
}

void
options_warn(const Options *options, void (*say)(const char *text, void *arg), void *arg)
{
	const OptionTable *table = options->table;
	const Warning warning = {say, arg};
	bool file_named = false;
	char name[OPTION_NAME_MAX * 2];

	for (size_t i = 0; table->specs[i].name != NULL; i++)
		warn_of(options, &options->values[i], &table->specs[i], table->specs[i].name, &warning,
				&file_named);
	for (size_t i = 0; i < options->passthrough.count; i++)
	{
		const OptionValue *item = &options->passthrough.items[i];

		snprintf(name, sizeof(name), "%s%s", table->passthrough, item->name);
		warn_of(options, item, NULL, name, &warning, &file_named);
	}
}
