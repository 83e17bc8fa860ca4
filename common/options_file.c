/*
 * options_file.c
 *	  The INI file.
 *
 *	line		= blank | comment | section | pair | continuation
 *	comment		= ("#" | ";") anything				in the first column
 *	section		= "[" name "]" | "[" kind SPACE name "]"
 *	pair		= key "=" value						key in the first column
 *	continuation = SPACE anything					more of the value above it
 *
 * Values that may have lines are those of kind sections, conninfos that are no URI, options
 * whose default has lines, and properties that are passed through and hold PEM or a configuration.
 * Elsewhere an indented line is a key, most likely, and an error.
 *
 * The first column is that of the first line that isn't blank: a file that is indented as
 * a whole is read as if it weren't.  White space around values and continuations is dropped; blank lines and
 * comments between continuations too.  Everything else is an error that names
 * file and line: nothing is guessed.
 */
#include "options_intern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_codes.h"

#define FILE_SIZE_MAX (1024 * 1024)

typedef struct IniParser
{
	Options *options;
	const char *path;
	Error *error;
	int line;
	const char
		*margin; /* the white space before the first line that isn't blank; NULL: none came */
	size_t margin_len;
	int margin_line;
	bool has_section;
	bool is_kind;				   /* the section is "[kind NAME]" */
	int section_line;			   /* 0 once a key came */
	char section[OPTION_NAME_MAX]; /* "postgres", or NAME */
	bool has_pair;				   /* a pair waits for its continuations */
	int pair_line;
	char key[OPTION_NAME_MAX];
	Buffer value;
} IniParser;

static bool
ini_error(IniParser *parser, const char *text)
{
	return error_permanent(parser->error, EXIT_CONFIG, "%s:%d: %s", parser->path, parser->line,
						   text);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether white space and '#' are in a value, as before a comment. */
static bool
has_comment(const char *value)
{
	for (const char *c = strchr(value, '#'); c != NULL; c = strchr(c + 1, '#'))
	{
		if (is_space(c > value ? c[-1] : c[1]))
			return true;
	}
	return false;
}

/* What other files of this kind allow, and what would be part of the value here. */
static bool
check_value(IniParser *parser, const char *name)
{
	const OptionSpec *spec = option_find(parser->options->table, name);
	const char *value = parser->value.data;
	size_t len = parser->value.len;
	bool secret = spec != NULL ? (spec->flags & OPTION_SECRET) != 0
							   : option_passthrough_is_secret(parser->key);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
	{
		parser->line = parser->pair_line;
		ini_error(parser, "value in quotes");
		error_hint(parser->error, "There are no quotes here: write the value as it is%s.",
				   secret ? ", or into a file of its own, if they belong to it" : "");
		return false;
	}
	/* In a connection string quotes may be around it. */
	if (secret || !has_comment(value) || strchr(value, '\'') != NULL)
		return true;
	parser->line = parser->pair_line;
	ini_error(parser, "comment behind a value");
	return error_hint(parser->error, "A comment needs a line of its own.");
}

static void
name_of_pair(const IniParser *parser, char name[2 * OPTION_NAME_MAX])
{
	snprintf(name, 2 * OPTION_NAME_MAX, "%s%s%s", parser->section, parser->has_section ? "." : "",
			 parser->key);
}

/* Whether the value of the pair that waits may go on in another line. */
static bool
may_go_on(const IniParser *parser, const char *name)
{
	const OptionTable *table = parser->options->table;
	const OptionSpec *spec = option_find(table, name);
	char base[OPTION_NAME_MAX];

	if (parser->is_kind)
		return true;
	if (spec != NULL && (spec->flags & OPTION_CONNINFO))
		return strstr(parser->value.data, "://") == NULL;
	if (spec != NULL)
		return spec->default_value != NULL && strchr(spec->default_value, '\n') != NULL;
	if (option_file_base(table, name, base))
		return false;
	/* One that isn't known is refused by its name. */
	return table->passthrough == NULL ||
		   strncmp(name, table->passthrough, strlen(table->passthrough)) != 0 ||
		   option_property_has_lines(name);
}

static bool
continue_pair(IniParser *parser, const char *text, size_t len)
{
	char name[2 * OPTION_NAME_MAX];

	if (!parser->has_pair)
	{
		ini_error(parser, "indented line continues nothing");
		return error_hint(parser->error,
						  "White space first in a line goes on with the value above it: take it "
						  "away from keys, sections and comments.");
	}
	name_of_pair(parser, name);
	if (!may_go_on(parser, name))
	{
		error_permanent(parser->error, EXIT_CONFIG,
						"%s:%d: indented line would go on with the value of \"%s\"", parser->path,
						parser->line, name);
		error_detail(parser->error, "That value, of line %d, has one line.", parser->pair_line);
		return error_hint(parser->error, "White space first in a line goes on with the value above "
										 "it: take it away from keys, sections and comments.");
	}
	if (parser->value.len > 0)
		buffer_append(&parser->value, "\n", 1);
	buffer_append(&parser->value, text, len);
	return true;
}

/* Hands the pair that waits to the table. */
static bool
finish_pair(IniParser *parser)
{
	char text[OPTION_ORIGIN_MAX];
	OptionOrigin origin = {OPTION_SOURCE_FILE, text, text + strlen("file ")};
	char name[2 * OPTION_NAME_MAX];

	if (!parser->has_pair)
		return true;
	parser->has_pair = false;
	if (parser->value.failed)
		return error_bug(parser->error, "out of memory");
	snprintf(text, sizeof(text), "file %s:%d", parser->path, parser->pair_line);
	if (parser->is_kind)
		return option_assign_section(parser->options, parser->section, parser->key,
									 parser->value.data, &origin, parser->error);
	name_of_pair(parser, name);
	return check_value(parser, name) &&
		   option_assign(parser->options, name, parser->value.data, &origin, parser->error);
}

/* A kind section without a key would be forgotten silently. */
static bool
finish_section(IniParser *parser)
{
	if (parser->is_kind && parser->section_line > 0)
	{
		parser->line = parser->section_line;
		return ini_error(parser, "section is empty");
	}
	return true;
}

/* Drops white space at both ends of the line's part. */
static void
trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[0]))
	{
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*text)[*len - 1]))
		(*len)--;
}

/* Some option or the pass-through prefix starts with "section.". */
static bool
section_is_known(const OptionTable *table, const char *section)
{
	size_t len = strlen(section);

	for (const OptionSpec *spec = table->specs; spec->name != NULL; spec++)
	{
		if (strncmp(spec->name, section, len) == 0 && spec->name[len] == '.')
			return true;
	}
	if (table->passthrough != NULL)
	{
		size_t prefix_len = strlen(table->passthrough);

		/* "kafka" or something below it */
		return (len + 1 >= prefix_len &&
				strncmp(section, table->passthrough, prefix_len - 1) == 0 &&
				(section[prefix_len - 1] == '\0' || section[prefix_len - 1] == '.'));
	}
	return false;
}

static bool
unrecognized_section(IniParser *parser)
{
	int near_len;
	const char *near = option_suggest_section(parser->options->table, parser->section, &near_len);

	error_permanent(parser->error, EXIT_CONFIG, "%s:%d: unrecognized section \"%s\"", parser->path,
					parser->line, parser->section);
	if (near != NULL)
		error_hint(parser->error, "Did you mean \"%.*s\"?", near_len, near);
	return false;
}

static bool
parse_section(IniParser *parser, const char *text, size_t len)
{
	const char *kind = parser->options->table->section_kind;
	size_t kind_len = kind != NULL ? strlen(kind) : 0;

	if (!finish_section(parser))
		return false;
	if (text[len - 1] != ']')
		return ini_error(parser, "expected \"]\" at the end of the line");
	text++;
	len -= 2;
	trim(&text, &len);
	if (len == 0)
		return ini_error(parser, "section has no name");

	parser->has_section = true;
	parser->section_line = parser->line;
	parser->is_kind = kind_len > 0 && len > kind_len && strncmp(text, kind, kind_len) == 0 &&
					  is_space(text[kind_len]);
	if (parser->is_kind)
	{
		text += kind_len;
		len -= kind_len;
		trim(&text, &len);
	}
	if (len >= sizeof(parser->section))
		return ini_error(parser, "section name is too long");
	memcpy(parser->section, text, len);
	parser->section[len] = '\0';
	if (parser->is_kind)
	{
		const OptionList *sections = &parser->options->sections;

		for (size_t i = 0; i < sections->count; i++)
		{
			if (strcmp(sections->items[i].section, parser->section) == 0)
			{
				ini_error(parser, "section is there twice");
				return error_detail(parser->error, "It has a key in %s.",
									sections->items[i].origin);
			}
		}
		return true;
	}
	return section_is_known(parser->options->table, parser->section) ||
		   unrecognized_section(parser);
}

static bool
parse_pair(IniParser *parser, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	const char *key = text;
	size_t key_len = equals != NULL ? (size_t) (equals - text) : 0;

	trim(&key, &key_len);
	if (!option_key_valid(key, key_len))
	{
		ini_error(parser, "expected \"key = value\"");
		/* Behind a key, most likely the next line of a long value. */
		if (parser->is_kind && parser->section_line == 0)
			error_hint(parser->error,
					   "To go on with the value of \"%s\", start the line with white space.",
					   parser->key);
		return false;
	}
	memcpy(parser->key, key, key_len);
	parser->key[key_len] = '\0';

	text = equals + 1;
	len -= (size_t) (text - key);
	trim(&text, &len);
	buffer_reset(&parser->value);
	buffer_append(&parser->value, text, len);
	parser->has_pair = true;
	parser->pair_line = parser->line;
	parser->section_line = 0;
	return true;
}

static bool
is_utf8(const unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		unsigned char first = text[i];
		size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;

		if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || i + more >= len)
			return false;
		for (size_t n = 1; n <= more; n++)
		{
			if ((text[i + n] & 0xC0) != 0x80)
				return false;
		}
		i += more + 1;
	}
	return true;
}

/* Takes the margin off a line that isn't blank; the first one sets it. */
static bool
take_margin(IniParser *parser, const char **text, size_t *len)
{
	if (parser->margin == NULL)
	{
		parser->margin = *text;
		while (parser->margin_len < *len && is_space((*text)[parser->margin_len]))
			parser->margin_len++;
		parser->margin_line = parser->line;
	}
	if (*len < parser->margin_len || memcmp(*text, parser->margin, parser->margin_len) != 0)
	{
		ini_error(parser, "line is indented less than the first one");
		return error_hint(parser->error,
						  "Line %d begins with white space: take it away, or begin every line with "
						  "the same.",
						  parser->margin_line);
	}
	*text += parser->margin_len;
	*len -= parser->margin_len;
	return true;
}

static bool
is_blank(const char *text, size_t len)
{
	while (len > 0 && is_space(text[len - 1]))
		len--;
	return len == 0;
}

static bool
parse_line(IniParser *parser, const char *text, size_t len)
{
	bool indented;

	if (memchr(text, '\0', len) != NULL)
		return ini_error(parser, "line has a zero byte");
	if (!is_utf8((const unsigned char *) text, len))
		return ini_error(parser, "line isn't UTF-8");
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (is_blank(text, len))
		return true;
	if (!take_margin(parser, &text, &len))
		return false;
	if (text[0] == '#' || text[0] == ';')
		return true;
	indented = is_space(text[0]);
	trim(&text, &len);
	if (indented)
		return continue_pair(parser, text, len);
	if (!finish_pair(parser))
		return false;
	return text[0] == '[' ? parse_section(parser, text, len) : parse_pair(parser, text, len);
}

static bool
parse_text(IniParser *parser, ByteView file)
{
	const char *text = (const char *) file.data;
	size_t left = file.len;

	/* What some editors put before the first character. */
	if (left >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
	{
		text += 3;
		left -= 3;
	}
	while (left > 0)
	{
		const char *newline = memchr(text, '\n', left);
		size_t len = newline != NULL ? (size_t) (newline - text) : left;
		size_t step = newline != NULL ? len + 1 : len;

		parser->line++;
		if (!parse_line(parser, text, len))
			return false;
		text += step;
		left -= step;
	}
	return finish_pair(parser) && finish_section(parser);
}

/* Remembers a file that everybody may read: what it holds may be secret. */
static bool
look_at_mode(Options *options, const char *path, int fd, Error *error)
{
	struct stat facts;

	if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || (facts.st_mode & S_IROTH) == 0)
		return true;
	free(options->exposed_file);
	options->exposed_file = strdup(path);
	return options->exposed_file != NULL || error_bug(error, "out of memory");
}

static bool
read_file(Options *options, const char *path, Buffer *file, Error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[8192];
	ssize_t got;

	if (fd < 0)
		return error_permanent(error, EXIT_CONFIG, "could not open file \"%s\": %s", path,
							   strerror(errno));
	if (!look_at_mode(options, path, fd, error))
	{
		close(fd);
		return false;
	}
	while ((got = read(fd, chunk, sizeof(chunk))) != 0 && !file->failed)
	{
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
		{
			error_permanent(error, EXIT_CONFIG, "could not read file \"%s\": %s", path,
							strerror(errno));
			close(fd);
			return false;
		}
		buffer_append(file, chunk, (size_t) got);
	}
	close(fd);
	if (file->no_memory)
		return error_bug(error, "out of memory");
	if (file->failed)
		return error_permanent(error, EXIT_CONFIG, "file \"%s\" is larger than 1 MB", path);
	return true;
}

bool
options_load_file(Options *options, const char *path, Error *error)
{
	IniParser parser = {.options = options, .path = path, .error = error};
	Buffer file;
	bool ok;

	buffer_init(&file, FILE_SIZE_MAX);
	buffer_init(&parser.value, FILE_SIZE_MAX);
	ok = read_file(options, path, &file, error) && parse_text(&parser, buffer_view(&file));
	buffer_free(&parser.value);
	buffer_free(&file);
	return ok;
}
