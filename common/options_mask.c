/*
 * options_mask.c
 *	  What must not be shown.  When in doubt it hides too much.  Pure.
 */
#include "options_intern.h"

#include <string.h>
#include <strings.h>

/* What isspace() takes for it in the C locale, as libpq does. */
#define SPACE " \t\r\n\v\f"

static bool
contains(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);
	size_t end_len = strlen(end);

	return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

bool
option_passthrough_is_secret(const char *name)
{
	if (ends_with(name, ".location"))
		return false; /* where a key is */
	return contains(name, "password") || contains(name, "secret") || contains(name, "key") ||
		   contains(name, "token") || contains(name, "jaas") ||
		   contains(name, "oauthbearer.config") || contains(name, ".pem");
}

bool
option_section_key_is_secret(const char *key)
{
	return contains(key, "password") || contains(key, "secret") || contains(key, "token");
}

/*
 * Connection parameters that hold a secret.  "sslkey" is a path, "passfile" too.  In a URI any
 * letter of a name may be percent-encoded.
 */
static bool
parameter_is_secret(const char *name, size_t len)
{
	static const char *const words[] = {"password", "secret", "token", "_key", "%"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		size_t word_len = strlen(words[i]);

		for (size_t at = 0; at + word_len <= len; at++)
		{
			if (strncasecmp(name + at, words[i], word_len) == 0)
				return true;
		}
	}
	return false;
}

/* "scheme://user:secret@host/db?password=secret" */
static void
mask_uri(Buffer *out, const char *uri)
{
	const char *authority = strstr(uri, "://") + 3;
	const char *query = strchr(authority, '?');
	const char *end = query != NULL ? query : authority + strlen(authority);
	const char *at = memrchr(authority, '@', (size_t) (end - authority));
	const char *colon;

	/*
	 * A password with an unescaped '?' or '/': the last '@' of all ends it.  Or that is within a
	 * parameter; behind it there may be more of these in either case.
	 */
	if (at == NULL && query != NULL && strchr(authority, ':') != NULL &&
		strchr(authority, ':') < query && (at = strrchr(query, '@')) != NULL)
	{
		query = strpbrk(at, "?&");
		end = query != NULL ? query : at + strlen(at);
	}

	buffer_append(out, uri, (size_t) (authority - uri));
	colon = at != NULL ? memchr(authority, ':', (size_t) (at - authority)) : NULL;
	if (colon != NULL)
	{
		buffer_append(out, authority, (size_t) (colon + 1 - authority));
		buffer_append_str(out, OPTION_MASK);
		buffer_append(out, at, (size_t) (end - at));
	}
	else
		buffer_append(out, authority, (size_t) (end - authority));

	while (query != NULL && *query != '\0')
	{
		size_t len = strcspn(query + 1, "&") + 1; /* with the '?' or '&' before it */
		const char *equals = memchr(query, '=', len);

		if (equals != NULL && parameter_is_secret(query + 1, (size_t) (equals - query - 1)))
		{
			buffer_append(out, query, (size_t) (equals + 1 - query));
			buffer_append_str(out, OPTION_MASK);
		}
		else
			buffer_append(out, query, len);
		query += len;
	}
}

/* The end of a keyword's value: quoted, or up to white space; a backslash hides what follows it. */
static const char *
value_end(const char *value)
{
	bool quoted = *value == '\'';
	const char *c = quoted ? value + 1 : value;

	for (; *c != '\0'; c++)
	{
		if (*c == '\\' && c[1] != '\0')
			c++;
		else if (quoted && *c == '\'')
			return c + 1;
		else if (!quoted && strchr(SPACE, *c) != NULL)
			return c;
	}
	return c;
}

/* "host=a password = 'b c' user=d" */
static void
mask_keywords(Buffer *out, const char *conninfo)
{
	const char *c = conninfo;

	while (*c != '\0')
	{
		const char *name;
		const char *value;
		const char *end;
		size_t name_len;

		name = c + strspn(c, SPACE);
		name_len = strcspn(name, SPACE "=");
		value = name + name_len + strspn(name + name_len, SPACE);
		if (*value != '=')
		{
			/* Not a parameter: libpq will refuse it, and it may be part of a password. */
			buffer_append(out, c, (size_t) (name - c));
			if (*name != '\0')
				buffer_append_str(out, OPTION_MASK);
			return;
		}
		value++;
		value += strspn(value, SPACE);
		end = value_end(value);
		if (parameter_is_secret(name, name_len))
		{
			buffer_append(out, c, (size_t) (value - c));
			buffer_append_str(out, OPTION_MASK);
		}
		else
			buffer_append(out, c, (size_t) (end - c));
		c = end;
	}
}

void
options_mask_conninfo(Buffer *out, const char *conninfo)
{
	if (strncmp(conninfo, "postgresql://", 13) == 0 || strncmp(conninfo, "postgres://", 11) == 0)
		mask_uri(out, conninfo);
	else if (strchr(conninfo, '=') == NULL)
		buffer_append_str(out, conninfo); /* the name of a database */
	else
		mask_keywords(out, conninfo);
}

bool
options_conninfo_has_secret(const char *conninfo)
{
	Buffer masked;
	bool differs;

	buffer_init(&masked, SIZE_MAX / 2);
	options_mask_conninfo(&masked, conninfo);
	differs = masked.failed || strcmp(masked.data, conninfo) != 0;
	buffer_free(&masked);
	return differs;
}

bool
options_conninfo_is_plain(const char *conninfo)
{
	const char *authority;
	const char *host;
	const char *at;
	size_t len;

	if (strncmp(conninfo, "postgresql://", 13) != 0 && strncmp(conninfo, "postgres://", 11) != 0)
		return true;
	authority = strstr(conninfo, "://") + 3;
	len = strcspn(authority, "?");
	at = memchr(authority, '@', len);
	if (at != NULL && (memchr(at + 1, '@', len - (size_t) (at + 1 - authority)) != NULL ||
					   memchr(authority, '/', (size_t) (at - authority)) != NULL))
		return false;
	/* host:port,host:port; an IPv6 address is in brackets */
	for (host = at != NULL ? at + 1 : authority; *host != '\0' && strchr("/?", *host) == NULL;)
	{
		size_t host_len;

		if (*host == '[')
			host += strcspn(host, "]");
		host += strcspn(host, ":,/?");
		if (*host == ':')
		{
			host_len = strspn(host + 1, "0123456789") + 1;
			host += host_len;
			if (*host != '\0' && strchr(",/?", *host) == NULL)
				return false;
		}
		if (*host == ',')
			host++;
	}
	return true;
}

void
options_conninfo_complaint(Buffer *out, const char *conninfo, const char *message)
{
	size_t len = strcspn(message, "\n");
	bool hide = options_conninfo_has_secret(conninfo);
	bool quoted = false;

	for (size_t i = 0; i < len; i++)
	{
		if (message[i] == '"')
		{
			quoted = !quoted;
			buffer_append_str(out, hide && quoted ? "\"" OPTION_MASK : "\"");
		}
		else if (!quoted || !hide)
			buffer_append(out, message + i, 1);
	}
	if (quoted)
		buffer_append_str(out, "\"");
}

void
option_append_masked(Buffer *out, const OptionSpec *spec, const char *value)
{
	size_t len = strlen(spec->name);

	if (spec->flags & OPTION_SECRET)
	{
		if (value[0] != '\0')
			buffer_append_str(out, OPTION_MASK);
	}
	else if ((spec->flags & OPTION_CONNINFO) ||
			 (len >= 8 && strcmp(spec->name + len - 8, "conninfo") == 0))
		options_mask_conninfo(out, value);
	else
		buffer_append_str(out, value);
}
