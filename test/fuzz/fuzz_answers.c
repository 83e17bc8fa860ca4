/*
 * fuzz_answers.c
 *	  Any bytes as what a server answers to us over HTTP: an answer that comes piece by piece,
 *	  and a daemon's metrics.
 */
#include "fuzz.h"

#include <string.h>

#include "http_client.h"
#include "scrape.h"

/* As long as answers are, and more. */
#define LOOKED_AT 512

/* More bytes never turn what is complete or wrong into something else than wrong. */
static void
look(const char *text, size_t len)
{
	AnswerState before = ANSWER_PARTIAL;

	for (size_t n = 0; n <= len; n++)
	{
		int status = -1;
		char *part = fuzz_text(text, n);
		AnswerState state;

		FUZZ_ASSERT(part != NULL);
		state = http_answer_look(part, strlen(part), &status);
		free(part);
		FUZZ_ASSERT(before == ANSWER_PARTIAL || state == ANSWER_INVALID);
		FUZZ_ASSERT(state != ANSWER_COMPLETE || (status >= 200 && status <= 599));
		before = state;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	double sum;

	FUZZ_ASSERT(text != NULL);
	look(text, strnlen(text, LOOKED_AT));
	if (scrape_metric(text, "outbox_relay_lag_bytes", &sum))
		FUZZ_ASSERT(strstr(text, "outbox_relay_lag_bytes") != NULL);
	else
		FUZZ_ASSERT(sum == 0);
	free(text);
	return 0;
}
