/*
 * fuzz_options.c
 *	  Any bytes as a configuration file of outbox-relay.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "exit_codes.h"
#include "relay_options.h"

/* A file in memory, which only its owner may read. */
static int
make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t) size);
	return fd;
}

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
	int fd = make_file(data, size);
	char path[32];
	Error error;

	FUZZ_ASSERT(options != NULL);
	error_clear(&error);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (options_load_file(options, path, &error))
		use(options);
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_CONFIG &&
					error.message[0] != '\0');
	options_free(options);
	close(fd);
	return 0;
}
