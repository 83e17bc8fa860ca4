/*
 * fuzz_refusals.c
 *	  Any text as what a server or a library says when it refuses: what is made of it for people.
 *	  The first byte says whose.
 */
#include "fuzz.h"

#include <string.h>

#include "exit_codes.h"
#include "kafka_refusal.h"
#include "pg_error.h"
#include "pg_refusal.h"

static void
of_postgres(const char *text)
{
	char line[512];
	char sqlstate[6] = "";

	if (pg_find_sqlstate(text, sqlstate))
		FUZZ_ASSERT(strlen(sqlstate) == 5 && strstr(text, sqlstate) != NULL);
	(void) pg_sqlstate_class(sqlstate);
	if (pg_refusal_hba_line(text, line, sizeof(line)))
		FUZZ_ASSERT(strlen(line) < sizeof(line) &&
					(strncmp(line, "host \"", 6) == 0 || strncmp(line, "local \"", 7) == 0));
	FUZZ_ASSERT(pg_refusal_encryption_hint(text) != NULL);
	(void) pg_refusal_role_hint(text);
	(void) pg_refusal_tls_hint(text);
}

/* A library's own line first, then the error that follows. */
static void
of_kafka(const char *text)
{
	char kept[KAFKA_CERTIFICATE_TEXT] = "";
	char kind[200];
	Error error;

	kafka_certificate_note(kept, "SSLCERTVRFY", text);
	FUZZ_ASSERT(strlen(kept) < sizeof(kept));
	kafka_complaint_kind(text, kind, sizeof(kind));
	FUZZ_ASSERT(strlen(kind) < sizeof(kind));
	for (int trouble = KAFKA_TROUBLE_OTHER; trouble <= KAFKA_TROUBLE_AUTHENTICATION; trouble++)
	{
		error_clear(&error);
		if (kafka_refusal(&error, (KafkaTrouble) trouble, text, kept, 0x020002ff))
			FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT &&
						error.exit_code == EXIT_PERMISSION && error.message[0] != '\0');
	}
}

/* No property has a value. */
static bool
no_property(void *conf, const char *name, char *value, size_t size)
{
	(void) conf, (void) name, (void) value, (void) size;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	Error error;

	if (size == 0)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	FUZZ_ASSERT(text != NULL);
	error_clear(&error);
	if (data[0] == 'p')
		of_postgres(text);
	else if (data[0] == 'k')
		of_kafka(text);
	else if (data[0] == 'c')
	{
		FUZZ_ASSERT(!kafka_setup_refusal(&error, text, no_property, NULL));
		FUZZ_ASSERT(error.exit_code == EXIT_CONFIG);
	}
	free(text);
	return 0;
}
