/*
 * topic_regex.c
 *	  route.topic.regex and route.topic.replacement.
 *
 *		Java's:	 (?<kind>\w+)-(?:a|b)	->	POSIX:	^(([A-Za-z0-9_]+)-(a|b))$
 *		group 1 = kind						group 2; group 1 is the whole
 *
 * Refuses what POSIX has not or has otherwise, groups that the replacement names and the
 * expression lacks, characters that no topic can have, and expressions and values beyond
 * their limits.
 *
 * Invariants: group[n] is the POSIX group of Java's group n; equal values give equal
 * results, whatever was matched before.
 */
#include "topic_regex.h"
#include "buffer.h"
#include "exit_codes.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 9		/* with a number */
#define POSIX_GROUPS_MAX 32 /* with the whole, and those without a number */
#define NAME_MAX_BYTES 63
#define REPEAT_MAX 100 /* in {n,m}; the automaton grows with it */

struct TopicRegex
{
	regex_t compiled;
	bool is_compiled;
	int group_count;							   /* with a number */
	int group[GROUPS_MAX + 1];					   /* from 1: of POSIX */
	char name[GROUPS_MAX + 1][NAME_MAX_BYTES + 1]; /* "" for none */
	char replacement[TOPIC_REGEX_MAX + 1];
	char value[TOPIC_REGEX_VALUE_MAX + 1];
};

/* Of a group that is open, and of the whole: is there a way through it without a character? */
typedef struct Level
{
	bool empty;		   /* of its branches before */
	bool branch_empty; /* of this one, up to the last atom */
} Level;

/* Where the translation stands. */
typedef struct Translation
{
	TopicRegex *regex;
	const char *at;
	Buffer *out;
	int posix_groups;
	int braces;
	int open;	   /* groups */
	bool has_atom; /* before us is something that can be repeated */
	bool atom_empty;
	Level levels[POSIX_GROUPS_MAX + 1]; /* by the groups that are open */
	Error *error;
} Translation;

static bool
refuse(Translation *translation, const char *what, const char *instead)
{
	error_permanent(translation->error, EXIT_CONFIG, "regular expression has %s", what);
	return error_hint(translation->error, "%s", instead);
}

/* The last atom is what it is: no quantifier comes behind it. */
static void
settle_atom(Translation *translation)
{
	Level *level = &translation->levels[translation->open];

	level->branch_empty = level->branch_empty && translation->atom_empty;
	translation->atom_empty = true;
}

static void
settle_branch(Translation *translation)
{
	Level *level = &translation->levels[translation->open];

	settle_atom(translation);
	level->empty = level->empty || level->branch_empty;
	level->branch_empty = true;
}

static bool
take_name(Translation *translation, char *name)
{
	size_t len = 0;

	while (isalnum((unsigned char) translation->at[len]) && len <= NAME_MAX_BYTES)
		len++;
	if (len == 0 || len > NAME_MAX_BYTES || translation->at[len] != '>' ||
		!isalpha((unsigned char) translation->at[0]))
		return refuse(translation, "a group with an invalid name",
					  "A name is a letter with up to 62 letters and digits behind it.");
	memcpy(name, translation->at, len);
	name[len] = '\0';
	translation->at += len + 1;
	return true;
}

/* At "(". */
static bool
take_group(Translation *translation)
{
	TopicRegex *regex = translation->regex;
	char name[NAME_MAX_BYTES + 1] = "";
	bool numbered = true;

	translation->at++;
	buffer_append_str(translation->out, "(");
	if (++translation->posix_groups >= POSIX_GROUPS_MAX)
		return refuse(translation, "too many groups", "Use at most 30.");
	settle_atom(translation);
	translation->levels[++translation->open] = (Level){.branch_empty = true};
	if (translation->at[0] == '?')
	{
		translation->at++;
		if (translation->at[0] == ':')
		{
			numbered = false;
			translation->at++;
		}
		else if (translation->at[0] == '<' && translation->at[1] != '=' &&
				 translation->at[1] != '!')
		{
			translation->at++;
			if (!take_name(translation, name))
				return false;
		}
		else
			return refuse(translation, "look-around or flags, which POSIX expressions lack",
						  "Of the groups with \"(?\" write (?:...) and (?<name>...) alone.");
	}
	if (!numbered)
		return true;
	if (regex->group_count == GROUPS_MAX)
		return refuse(translation, "more than 9 groups with a number",
					  "Write (?:...) for those that the replacement doesn't use.");
	regex->group[++regex->group_count] = translation->posix_groups;
	memcpy(regex->name[regex->group_count], name, sizeof(name));
	return true;
}

/* At "\". */
static bool
take_escape(Translation *translation)
{
	static const struct
	{
		char letter;
		const char *means;
	} classes[] = {{'d', "[0-9]"},		   {'D', "[^0-9]"},		 {'w', "[A-Za-z0-9_]"},
				   {'W', "[^A-Za-z0-9_]"}, {'s', "[[:space:]]"}, {'S', "[^[:space:]]"}};
	char letter = translation->at[1];

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
	{
		if (classes[i].letter != letter)
			continue;
		buffer_append_str(translation->out, classes[i].means);
		translation->at += 2;
		return true;
	}
	if (letter >= '0' && letter <= '9')
		return refuse(translation, "a back reference", "Write out what it stands for.");
	if (letter == '\0' || isalpha((unsigned char) letter) || (letter & 0x80) != 0)
		return refuse(translation, "an escape that isn't known",
					  "Known are \\d, \\w, \\s, \\D, \\W, \\S and a backslash before punctuation.");
	/* What isn't special goes without its backslash: POSIX leaves "\-" open. */
	if (strchr(".[\\()*+?{|^$", letter) != NULL)
		buffer_append_str(translation->out, "\\");
	buffer_append_u8(translation->out, (uint8_t) letter);
	translation->at += 2;
	return true;
}

/* At "[". */
static bool
take_bracket(Translation *translation)
{
	const char *start = translation->at++;

	if (*translation->at == '^')
		translation->at++;
	if (*translation->at == ']')
		translation->at++;
	while (*translation->at != ']')
	{
		if (*translation->at == '\0')
			return refuse(translation, "\"[\" without its \"]\"", "Close it, or write \\[.");
		if (*translation->at == '\\')
			return refuse(
				translation, "a backslash within [], where POSIX takes it for itself",
				"Write [0-9] for \\d, [a-zA-Z0-9_] for \\w; \"-\" first or last and \"]\" "
				"first are themselves.");
		if (*translation->at == '&' && translation->at[1] == '&')
			return refuse(translation, "\"&&\" within [], which POSIX lacks",
						  "Write the characters out.");
		if (*translation->at == '[')
		{
			/* [:alpha:] goes to its own end; a nested class is Java's alone. */
			const char *end = translation->at[1] == ':' ? strstr(translation->at + 2, ":]") : NULL;

			if (end == NULL)
				return refuse(translation, "\"[\" within []", "Write the characters out.");
			translation->at = end + 1;
		}
		translation->at++;
	}
	translation->at++;
	buffer_append(translation->out, start, (size_t) (translation->at - start));
	return true;
}

/* At "{": {n}, {n,} or {n,m}. */
static bool
take_braces(Translation *translation)
{
	const char *start = translation->at++;
	char *end;

	for (int i = 0; i < 2; i++)
	{
		if (i == 0 || isdigit((unsigned char) *translation->at))
		{
			if (!isdigit((unsigned char) *translation->at) ||
				strtoul(translation->at, &end, 10) > REPEAT_MAX)
				return refuse(translation, "an invalid or too large number of repetitions",
							  "Write {n}, {n,} or {n,m} with at most 100, or \\{.");
			translation->at = end;
		}
		if (i == 0 && *translation->at == ',')
			translation->at++;
		else
			break;
	}
	if (*translation->at != '}' || ++translation->braces > 2)
		return refuse(translation, "{} that isn't closed, or more than two of them",
					  "Write {n}, {n,} or {n,m}, or \\{ for the character.");
	translation->at++;
	buffer_append(translation->out, start, (size_t) (translation->at - start));
	return true;
}

/* A group's end, a branch's, or any other character. */
static bool
take_character(Translation *translation)
{
	char c = *translation->at++;

	if (c == ')' && translation->open == 0)
		return refuse(translation, "\")\" without its \"(\"", "Open it, or write \\).");
	if (c == ')' || c == '|')
		settle_branch(translation);
	else
		settle_atom(translation);
	if (c == ')')
		translation->atom_empty = translation->levels[translation->open--].empty;
	else
		translation->atom_empty = c == '|' || c == '^' || c == '$';
	translation->has_atom = c != '|' && c != '^';
	buffer_append_u8(translation->out, (uint8_t) c);
	return true;
}

/*
 * At a quantifier.  A second one behind it would make it lazy or possessive in Java.  Repetitions of nothing have
 * no end in the C library, when it looks for the groups of a match (glibc 2.36).
 */
static bool
take_quantifier(Translation *translation)
{
	if (!translation->has_atom)
		return refuse(translation, "a quantifier with nothing to repeat",
					  "Write a backslash before it for the character itself.");
	if (*translation->at != '?' && translation->atom_empty)
		return refuse(translation, "repetitions of what can be empty",
					  "Let each branch of what is repeated have a character: (a|b)* in place of "
					  "(a|b|)* or (a*|b)*.");
	if (*translation->at == '*' || *translation->at == '?' ||
		strncmp(translation->at, "{0", 2) == 0)
		translation->atom_empty = true;
	if (*translation->at != '{')
		buffer_append_u8(translation->out, (uint8_t) *translation->at++);
	else if (!take_braces(translation))
		return false;
	if (*translation->at != '\0' && strchr("*+?{", *translation->at) != NULL)
		return refuse(translation, "a lazy or possessive quantifier, which POSIX lacks",
					  "The whole value has to match: a plain one, or [^-]* in place of .*?, "
					  "does the same.");
	return true;
}

static bool
translate(Translation *translation)
{
	buffer_append_str(translation->out, "^(");
	translation->posix_groups = 1;
	translation->atom_empty = true;
	translation->levels[0] = (Level){.branch_empty = true};
	while (*translation->at != '\0')
	{
		bool ok;
		bool has_atom = true;

		switch (*translation->at)
		{
			case '(':
				ok = take_group(translation);
				has_atom = false;
				break;
			case '\\':
			case '[':
				settle_atom(translation);
				translation->atom_empty = false;
				ok = *translation->at == '[' ? take_bracket(translation) : take_escape(translation);
				break;
			case '{':
			case '*':
			case '+':
			case '?':
				ok = take_quantifier(translation);
				break;
			default:
				ok = take_character(translation);
				has_atom = translation->has_atom;
				break;
		}
		if (!ok)
			return false;
		translation->has_atom = has_atom;
	}
	if (translation->open > 0)
		return refuse(translation, "\"(\" without its \")\"", "Close it, or write \\(.");
	buffer_append_str(translation->out, ")$");
	return true;
}

/* -------------------------------------------------------------------------
 * replacement
 * -------------------------------------------------------------------------
 */

/* The number of a group, or -1. */
static int
group_named(const TopicRegex *regex, const char *name, size_t len)
{
	if (len == 1 && name[0] >= '1' && name[0] <= '9')
		return name[0] - '0' <= regex->group_count ? name[0] - '0' : -1;
	for (int i = 1; i <= regex->group_count && len > 0; i++)
	{
		if (strlen(regex->name[i]) == len && memcmp(regex->name[i], name, len) == 0)
			return i;
	}
	return -1;
}

/*
 * The next piece of the replacement: a group's number, or 0 and a character in *literal, or
 * -1 for a reference to nothing.
 */
static int
next_piece(const TopicRegex *regex, const char **at, char *literal)
{
	const char *start = *at;
	const char *end;

	if (*start != '$' && *start != '\\')
	{
		*literal = *start;
		*at = start + 1;
		return 0;
	}
	if (start[0] == '$' && start[1] == '{')
	{
		end = strchr(start, '}');
		if (end == NULL)
			return -1;
		*at = end + 1;
		return group_named(regex, start + 2, (size_t) (end - start - 2));
	}
	if (start[1] == '\0')
		return -1;
	*at = start + 2;
	if (start[0] == '\\' && (start[1] < '0' || start[1] > '9'))
	{
		*literal = start[1];
		return 0;
	}
	return group_named(regex, start + 1, 1);
}

static bool
check_replacement(const TopicRegex *regex, Error *error)
{
	const char *at = regex->replacement;
	char literal;

	while (*at != '\0')
	{
		const char *start = at;
		int group = next_piece(regex, &at, &literal);

		if (group < 0)
		{
			error_permanent(error, EXIT_CONFIG,
							"replacement names a group that the regular expression lacks, at "
							"\"%.32s\"",
							start);
			return error_hint(error, "It has %d: write $1 to $9, or ${name} for (?<name>...).",
							  regex->group_count);
		}
		if (group == 0 && !isalnum((unsigned char) literal) && strchr("._-", literal) == NULL)
		{
			error_permanent(error, EXIT_CONFIG, "replacement makes no legal topic, at \"%.32s\"",
							start);
			return error_hint(error, "Letters, digits, \".\", \"_\" and \"-\" are allowed.");
		}
	}
	return true;
}

/* -------------------------------------------------------------------------
 * both
 * -------------------------------------------------------------------------
 */

static bool
compile(TopicRegex *regex, const char *text, Error *error)
{
	Buffer out;
	Translation translation = {.regex = regex, .at = text, .out = &out, .error = error};
	char reason[128];
	bool ok;
	int code;

	buffer_init(&out, 16 * TOPIC_REGEX_MAX);
	ok = translate(&translation);
	if (ok && out.failed)
		ok = error_bug(error, "out of memory");
	if (ok)
	{
		code = regcomp(&regex->compiled, out.data, REG_EXTENDED);
		regex->is_compiled = code == 0;
		if (code != 0)
		{
			regerror(code, &regex->compiled, reason, sizeof(reason));
			ok = error_permanent(error, EXIT_CONFIG, "regular expression is invalid: %s", reason);
		}
	}
	buffer_free(&out);
	return ok;
}

TopicRegex *
topic_regex_create(const char *text, const char *replacement, bool *in_replacement, Error *error)
{
	TopicRegex *regex;

	*in_replacement = strlen(replacement) > TOPIC_REGEX_MAX;
	if (*in_replacement || strlen(text) > TOPIC_REGEX_MAX)
	{
		error_permanent(error, EXIT_CONFIG, "%s has more than %d bytes",
						*in_replacement ? "replacement" : "regular expression", TOPIC_REGEX_MAX);
		return NULL;
	}
	regex = calloc(1, sizeof(*regex));
	if (regex == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	memcpy(regex->replacement, replacement, strlen(replacement) + 1);
	if (!compile(regex, text, error))
	{
		topic_regex_free(regex);
		return NULL;
	}
	*in_replacement = true;
	if (!check_replacement(regex, error))
	{
		topic_regex_free(regex);
		return NULL;
	}
	return regex;
}

void
topic_regex_free(TopicRegex *regex)
{
	if (regex == NULL)
		return;
	if (regex->is_compiled)
		regfree(&regex->compiled);
	free(regex);
}

TopicRegexResult
topic_regex_apply(TopicRegex *regex, ByteView value, char *out, size_t size)
{
	regmatch_t matches[POSIX_GROUPS_MAX + 1];
	const char *at = regex->replacement;
	size_t used = 0;
	int code;

	if (value.len > TOPIC_REGEX_VALUE_MAX || memchr(value.data, '\0', value.len) != NULL)
		return TOPIC_REGEX_NO_MATCH;
	memcpy(regex->value, value.data, value.len);
	regex->value[value.len] = '\0';
	code = regexec(&regex->compiled, regex->value, POSIX_GROUPS_MAX + 1, matches, 0);
	if (code != 0)
		return code == REG_ESPACE ? TOPIC_REGEX_NO_MEMORY : TOPIC_REGEX_NO_MATCH;
	while (*at != '\0')
	{
		char literal;
		int group = next_piece(regex, &at, &literal);
		const char *from = &literal;
		size_t len = 1;

		if (group > 0)
		{
			const regmatch_t *match = &matches[regex->group[group]];

			from = match->rm_so < 0 ? "" : regex->value + match->rm_so;
			len = match->rm_so < 0 ? 0 : (size_t) (match->rm_eo - match->rm_so);
		}
		if (len >= size - used)
			return TOPIC_REGEX_TOO_LONG;
		memcpy(out + used, from, len);
		used += len;
	}
	out[used] = '\0';
	return TOPIC_REGEX_OK;
}
