/*
 * reject_reason.c
 *	  A table, for the application, for its clients and for the report.
 */
#include "reject_reason.h"

#include <string.h>

static const struct
{
	const char *name;
	const char *words;
	const char *answer;
} reasons[REJECT_REASONS] = {
	[REJECT_AWAY] = {"away", "what it would be stored in was away",
					 "what it would be stored in is away"},
	[REJECT_BUSY] = {"busy", "all connections of the application's pool were in use",
					 "all connections are in use"},
	[REJECT_STOPPING] = {"stopping", "the application was stopping", "the server is stopping"},
	[REJECT_INVALID] = {"invalid", "the request was at fault", NULL},
	[REJECT_NOT_SENT] = {"app_away", "the application was away", NULL},
	[REJECT_NO_CLIENT] = {"no_client", "all of the load's own connections waited for answers",
						  NULL},
	[REJECT_OTHER] = {"other", "the application gave no reason", NULL},
};

const char *
reject_reason_name(RejectReason reason)
{
	return reasons[reason].name;
}

const char *
reject_reason_words(RejectReason reason)
{
	return reasons[reason].words;
}

const char *
reject_reason_words_of(const char *name)
{
	for (int i = 0; i < REJECT_REASONS; i++)
	{
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].words;
	}
	return NULL;
}

const char *
reject_reason_answer(RejectReason reason)
{
	return reasons[reason].answer;
}

RejectReason
reject_reason_of(int http_status, const char *answer, size_t len)
{
	if (http_status == 0)
		return REJECT_NOT_SENT;
	if (http_status != 503)
		return REJECT_INVALID;
	for (int i = 0; i < REJECT_REASONS; i++)
	{
		if (reasons[i].answer != NULL &&
			memmem(answer, len, reasons[i].answer, strlen(reasons[i].answer)) != NULL)
			return (RejectReason) i;
	}
	return REJECT_OTHER;
}
