/*
 * fuzz_options.c
 *	  Any bytes as a configuration file of outbox-relay.
 */
#include "fuzz_file.h"

#include "exit_codes.h"
#include "relay_options.h"

/* What it comes to is printed in each form, and taken as a change of nothing. */
static void
use(const Options *options)
{
	FILE *out = fopen("/dev/null", "w");
	RelayConfig config;
	Error error;

	FUZZ_ASSERT(out != NULL);
	error_clear(&error);
	if (!relay_config_fill(&config, options, &error))
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.message[0] != '\0');
	options_print_config(options, out);
	fclose(out);
	FUZZ_ASSERT(options_check_reload(options, options, &error));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Options *options = options_create(&relay_option_table);
	FuzzFile file = fuzz_file(data, size);
	Error error;

	FUZZ_ASSERT(options != NULL);
	error_clear(&error);
	if (options_load_file(options, file.path, &error))
		use(options);
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_CONFIG &&
					error.message[0] != '\0');
	options_free(options);
	close(file.fd);
	return 0;
}
