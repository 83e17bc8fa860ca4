/*
 * links.c
 *	  The proxy of outbox-compare as a program: links between daemons and servers that a
 *	  chaos run makes bad.
 *
 *	links PORT...		leads a listener of its own to each of these ports of 127.0.0.1, and
 *						prints their ports in one line
 *
 * Orders come as lines of the standard input: "set LINK NAME=NUMBER..." (latency and jitter in
 * milliseconds, bandwidth in bytes a second; blackhole, refuse and cut are 0 or 1; what isn't
 * named is 0) and "reset LINK".  Each is answered by "ok", or by what is wrong with it.  The
 * end of the input ends the program and its connections.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "error.h"
#include "proxy.h"

#define LINE_SIZE 256
#define NUMBER_MAX INT64_C(1000000000)

static bool
read_number(const char *text, int64_t most, int64_t *number)
{
	char *end;

	*number = strtoll(text, &end, 10);
	return end != text && *end == '\0' && *number >= 0 && *number <= most;
}

static bool
apply_word(const char *name, int64_t number, ProxyToxics *toxics)
{
	if (strcmp(name, "latency") == 0)
		toxics->latency_usec = number * USEC_PER_MS;
	else if (strcmp(name, "jitter") == 0)
		toxics->jitter_usec = number * USEC_PER_MS;
	else if (strcmp(name, "bandwidth") == 0)
		toxics->bytes_per_s = number;
	else if (strcmp(name, "blackhole") == 0)
		toxics->blackhole = number != 0;
	else if (strcmp(name, "refuse") == 0)
		toxics->refuse = number != 0;
	else if (strcmp(name, "cut") == 0)
		toxics->cut = number != 0;
	else
		return false;
	return true;
}

/* What is left of an order "set LINK"; NULL when all is well, else the word that isn't. */
static const char *
read_toxics(char **rest, ProxyToxics *toxics)
{
	char *word;

	while ((word = strtok_r(NULL, " \n", rest)) != NULL)
	{
		char *value = strchr(word, '=');
		int64_t number;

		if (value == NULL)
			return word;
		*value = '\0';
		if (!read_number(value + 1, NUMBER_MAX, &number) || !apply_word(word, number, toxics))
			return word;
	}
	return toxics->jitter_usec > toxics->latency_usec ? "jitter" : NULL;
}

/* NULL when it was carried out, else the word that is wrong. */
static const char *
carry_out(Proxy *proxy, int count, char *line)
{
	char *rest = NULL;
	const char *verb = strtok_r(line, " \n", &rest);
	const char *which = verb != NULL ? strtok_r(NULL, " \n", &rest) : NULL;
	ProxyToxics toxics = {0};
	const char *wrong;
	int64_t link;

	if (which == NULL)
		return "the order";
	if (!read_number(which, count - 1, &link))
		return which;
	if (strcmp(verb, "reset") == 0)
	{
		proxy_reset(proxy, (int) link);
		return NULL;
	}
	if (strcmp(verb, "set") != 0)
		return verb;
	wrong = read_toxics(&rest, &toxics);
	if (wrong == NULL)
		proxy_set(proxy, (int) link, &toxics);
	return wrong;
}

static void
serve(Proxy *proxy, int count)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		const char *wrong = carry_out(proxy, count, line);

		if (wrong == NULL)
			puts("ok");
		else
			printf("can't be understood: %s\n", wrong);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	int ports[PROXY_LINKS_MAX];
	int count = argc - 1;
	Proxy *proxy;
	Error error;

	if (count < 1 || count > PROXY_LINKS_MAX)
	{
		fprintf(stderr, "usage: links PORT... (1 to %d of them)\n", PROXY_LINKS_MAX);
		return 2;
	}
	for (int i = 0; i < count; i++)
	{
		int64_t port;

		if (!read_number(argv[i + 1], UINT16_MAX, &port) || port == 0)
		{
			fprintf(stderr, "links: \"%s\" is no port\n", argv[i + 1]);
			return 2;
		}
		ports[i] = (int) port;
	}
	error_clear(&error);
	proxy = proxy_start(ports, count, &error);
	if (proxy == NULL)
	{
		fprintf(stderr, "links: %s\n", error.message);
		return 1;
	}
	for (int i = 0; i < count; i++)
		printf("%d%c", proxy_port(proxy, i), i + 1 < count ? ' ' : '\n');
	fflush(stdout);
	serve(proxy, count);
	proxy_stop(proxy);
	return 0;
}
