/*
 * fuzz_ingest.c
 *	  Any bytes as what a driver's phone sends to the application, over paths that take
 *	  everything and come to any result.
 */
#include "fuzz_talk.h"

#include "ingest.h"
#include "path.h"

static Ingest *ingest;
static FuzzTalk talk;

/* -------------------------------------------------------------------------
 * paths, in place of those that have a database
 * ------------------------------------------------------------------------- */

struct Path
{
	Mode mode;
};

static struct Path paths[MODE_COUNT];

Path *
path_start(Mode mode, const IngestSettings *settings, Error *error)
{
	(void) settings, (void) error;
	paths[mode].mode = mode;
	return &paths[mode];
}

/* What comes here was checked. */
void
path_submit(Path *path, PathJob *job)
{
	const LocationReport *report = &job->report;

	(void) path;
	FUZZ_ASSERT(driver_id_valid(report->driver_id, strlen(report->driver_id)));
	FUZZ_ASSERT(driver_status_valid(report->status));
	FUZZ_ASSERT(report->latitude >= -90 && report->latitude <= 90);
	FUZZ_ASSERT(report->longitude >= -180 && report->longitude <= 180);
	FUZZ_ASSERT(report->heading >= 0 && report->heading <= 360);
	FUZZ_ASSERT(report->speed >= 0 && report->speed <= 150);
	FUZZ_ASSERT(report->accuracy >= 0 && report->accuracy <= 10000);
	job->result = (JobResult) (report->request_id[0] % (JOB_UNKNOWN + 1));
	job->version = 7;
	job->done(job);
}

bool
path_ready(const Path *path)
{
	return path->mode < MODE_COUNT;
}

int
path_connected(const Path *path)
{
	return (int) path->mode;
}

int64_t
path_queued(const Path *path)
{
	(void) path;
	return 0;
}

int
path_breaker(const Path *path)
{
	return path->mode == MODE_DIRECT_RETRY ? 1 : -1;
}

void
path_stop(Path *path)
{
	(void) path;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	IngestSettings settings = {.modes = {true, true, true, false, true, false},
							   .limits = {.http_threads = 2, .connect_timeout_usec = 1000}};
	Error error;

	if (ingest == NULL)
		ingest = ingest_start(&settings, &error);
	FUZZ_ASSERT(ingest != NULL);
	(void) fuzz_talk(&talk, ingest_port(ingest), -1, NULL, data, size);
	fuzz_talk_check(&talk, ingest_port(ingest), -1, NULL, "/readyz");
	return 0;
}
