/*
 * fuzz_file.h
 *	  An input as a file that only its owner may read, in memory.
 */
#ifndef OUTBOX_TEST_FUZZ_FILE_H
#define OUTBOX_TEST_FUZZ_FILE_H

#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct FuzzFile
{
	int fd; /* to be closed */
	char path[32];
} FuzzFile;

static inline FuzzFile
fuzz_file(const uint8_t *data, size_t size)
{
	FuzzFile file = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};

	FUZZ_ASSERT(file.fd >= 0 && write(file.fd, data, size) == (ssize_t) size);
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return file;
}

#endif
