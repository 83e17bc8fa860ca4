/*
 * replay.c
 *	  main() for a fuzz target without libFuzzer: gives it each file named, in memory
 *	  of exactly the file's size.
 */
#include "fuzz.h"

static bool
replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	bool read = false;
	long size = -1;

	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && fseek(file, 0, SEEK_SET) == 0)
	{
		data = malloc(size > 0 ? (size_t) size : 1);
		read = data != NULL && fread(data, 1, (size_t) size, file) == (size_t) size;
	}
	if (file != NULL)
		fclose(file);
	if (read)
		(void) LLVMFuzzerTestOneInput(data, (size_t) size);
	else
		fprintf(stderr, "could not read %s\n", path);
	free(data);
	return read;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		if (!replay(argv[i]))
			return 1;
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
