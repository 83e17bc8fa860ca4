/*
 * ingest_main.c
 *	  Settings, server, signals.
 */
#include "ingest_main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "app_schema.h"
#include "exit_codes.h"
#include "ingest.h"

static int
fail(const Error *error)
{
	fprintf(stderr, "outbox-compare ingest: %s\n", error->message);
	return error->exit_code > 0 ? error->exit_code : EXIT_BUG;
}

/* A target that answers nothing leaves many clients with an open connection. */
static void
allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Before there are threads: signals are taken here alone. */
static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
serve(const IngestSettings *settings)
{
	sigset_t signals;
	Ingest *ingest;
	Error error;
	int signo;

	error_clear(&error);
	allow_descriptors();
	block_signals(&signals);
	ingest = ingest_start(settings, &error);
	if (ingest == NULL)
		return fail(&error);
	fprintf(stderr, "listening at 127.0.0.1:%d\n", ingest_port(ingest));
	while (sigwait(&signals, &signo) == 0 && signo == SIGUSR1)
		ingest_crash_between(ingest);
	ingest_stop(ingest);
	return EXIT_OK;
}

int
ingest_main(int argc, char **argv, char **environment)
{
	Options *options;
	IngestSettings settings;
	const char *path;
	Error error;
	int status;

	if (argc == 2 && strcmp(argv[1], "--print-schema") == 0)
	{
		puts(app_schema_sql);
		return EXIT_OK;
	}
	options = options_create(&ingest_option_table);
	if (options == NULL)
	{
		fputs("outbox-compare ingest: out of memory\n", stderr);
		return EXIT_BUG;
	}
	error_clear(&error);
	if (!options_load(options, &argc, argv, environment, &path, &error) ||
		(argc > 1 && !options_refuse_argument(&ingest_option_table, argv[1], &error)) ||
		!ingest_settings_fill(&settings, options, &error))
		status = fail(&error);
	else
		status = serve(&settings);
	options_free(options);
	return status;
}
