/*
 * replay.c
 *	  main() for a fuzz target without libFuzzer: gives it each file named, in memory
 *	  of exactly the file's size, and then what it makes of them, for a while.
 *
 *	fuzz_x [--for=MILLISECONDS] [--seed=N] [--keep=FILE] INPUT...
 *
 * What is made is the same with the same seed and inputs.  FILE has the input that the target
 * is given; it is left behind by one that crashes.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "random.h"

#define INPUTS_MAX 4096
#define INPUT_BYTES_MAX 16384

typedef struct Input
{
	uint8_t *data;
	size_t size;
} Input;

static Input inputs[INPUTS_MAX];
static size_t input_count;
static int keep_fd = -1;

/* In memory of its size, so that a sanitizer sees who reads behind it. */
static void
give(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	FUZZ_ASSERT(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (keep_fd >= 0)
		FUZZ_ASSERT(pwrite(keep_fd, data, size, 0) == (ssize_t) size &&
					ftruncate(keep_fd, (off_t) size) == 0);
	(void) LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static bool
read_input(const char *path, Input *input)
{
	FILE *file = fopen(path, "rb");
	bool read = false;
	long size = -1;

	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && fseek(file, 0, SEEK_SET) == 0)
	{
		input->size = (size_t) size;
		input->data = malloc(size > 0 ? (size_t) size : 1);
		read = input->data != NULL && fread(input->data, 1, input->size, file) == input->size;
	}
	if (file != NULL)
		fclose(file);
	if (!read)
		fprintf(stderr, "could not read %s\n", path);
	return read;
}

/* -------------------------------------------------------------------------
 * inputs that are made of others
 * ------------------------------------------------------------------------- */

/* A piece of the text that begins at a random place in it. */
static Input
piece(Random *random, const uint8_t *data, size_t size)
{
	size_t from = (size_t) random_below(random, size + 1);

	return (Input){(uint8_t *) data + from, (size_t) random_below(random, size - from + 1)};
}

/* Puts new bytes in place of some. */
static void
replace(uint8_t *data, size_t *size, size_t at, size_t len, Input with)
{
	uint8_t copy[INPUT_BYTES_MAX];

	if (*size - len + with.size > INPUT_BYTES_MAX)
		return;
	if (with.size > 0)
		memcpy(copy, with.data, with.size);
	memmove(data + at + with.size, data + at + len, *size - at - len);
	if (with.size > 0)
		memcpy(data + at, copy, with.size);
	*size = *size - len + with.size;
}

static void
change_byte(Random *random, uint8_t *byte)
{
	static const uint8_t notable[] = {0,   1,	0x7f, 0x80, 0xff, '"',	'\'', '\\', '{', '}', '[',
									  ']', ',', ':',  ';',	'\n', '\r', ' ',  '/',	'@', '%', '$',
									  '(', ')', '-',  '0',	'9',  'a',	'=',  '#',	'<', '*'};

	switch (random_below(random, 3))
	{
		case 0:
			*byte ^= (uint8_t) (1U << random_below(random, 8));
			break;
		case 1:
			*byte = notable[random_below(random, sizeof(notable))];
			break;
		default:
			*byte = (uint8_t) random_below(random, 256);
	}
}

/* One change: bytes, a piece that goes, comes again or comes from another input. */
static void
change(Random *random, uint8_t *data, size_t *size)
{
	Input own = piece(random, data, *size);
	const Input *other = &inputs[random_below(random, input_count)];
	size_t at = (size_t) (own.data - data);

	switch (random_below(random, 6))
	{
		case 0:
			replace(data, size, at, own.size, (Input){NULL, 0});
			break;
		case 1:
			replace(data, size, at, 0, own);
			break;
		case 2:
			replace(data, size, at, 0, piece(random, other->data, other->size));
			break;
		case 3:
			replace(data, size, at, own.size, piece(random, other->data, other->size));
			break;
		default:
			if (*size > 0)
				change_byte(random, &data[random_below(random, *size)]);
	}
}

static unsigned long
make_inputs(uint64_t seed, int64_t duration_usec)
{
	static uint8_t data[INPUT_BYTES_MAX];
	MonoUsec end = clock_mono() + duration_usec;
	unsigned long count = 0;
	Random random;

	random_seed(&random, seed);
	for (; clock_mono() < end; count++)
	{
		const Input *from = &inputs[random_below(&random, input_count)];
		size_t size = from->size < INPUT_BYTES_MAX ? from->size : INPUT_BYTES_MAX;

		memcpy(data, from->data, size);
		for (uint64_t changes = 1 + random_below(&random, 4); changes > 0; changes--)
			change(&random, data, &size);
		give(data, size);
	}
	return count;
}

/* ------------------------------------------------------------------------- */

static bool
replay(char **paths)
{
	for (; *paths != NULL && input_count < INPUTS_MAX; paths++)
	{
		Input *input = &inputs[input_count];

		if (!read_input(*paths, input))
			return false;
		give(input->data, input->size);
		input_count++;
	}
	return input_count > 0;
}

static void
end(const char *keep)
{
	for (size_t i = 0; i < input_count; i++)
		free(inputs[i].data);
	if (keep_fd >= 0)
	{
		close(keep_fd);
		unlink(keep);
	}
}

int
main(int argc, char **argv)
{
	static const struct option known[] = {{"for", required_argument, NULL, 'f'},
										  {"seed", required_argument, NULL, 's'},
										  {"keep", required_argument, NULL, 'k'},
										  {NULL, 0, NULL, 0}};
	int64_t duration_usec = 0;
	uint64_t seed = 1;
	const char *keep = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		if (option == 'f')
			duration_usec = strtoll(optarg, NULL, 10) * USEC_PER_MS;
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'k')
			keep = optarg;
		else
			return 2;
	}
	if (keep != NULL)
		FUZZ_ASSERT((keep_fd = open(keep, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
	if (!replay(argv + optind))
		return 1;
	if (duration_usec > 0)
		fprintf(stderr, "%s: %lu made of them, seed %llu\n", argv[0],
				make_inputs(seed, duration_usec), (unsigned long long) seed);
	printf("%zu inputs\n", input_count);
	end(keep);
	return 0;
}
