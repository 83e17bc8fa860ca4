/*
 * files.h
 *	  Small things with files and directories.
 */
#ifndef OUTBOX_COMPARE_FILES_H
#define OUTBOX_COMPARE_FILES_H

#include <stddef.h>
#include <stdio.h>

#include "error.h"

/*
 * A file in the making, which takes its place when it is whole: nobody ever reads half of it,
 * nor what two processes wrote at once.
 */
typedef struct Draft
{
	FILE *file;
	const char *place; /* borrowed */
	char path[4096];
} Draft;

extern MUST_CHECK bool draft_open(Draft *draft, const char *place, Error *error);
/* Closes it; whole: everything was written to it.  Else, and when it can't be moved, it is removed. */
extern MUST_CHECK bool draft_finish(Draft *draft, bool whole, Error *error);

/* Whether a file could be put there; the directories above it are made. */
extern MUST_CHECK bool place_check(const char *path, Error *error);

/* Replaces the file; mode is that of open(2). */
extern MUST_CHECK bool file_write(const char *path, const char *text, unsigned mode, Error *error);

/* The first line, without its newline. */
extern MUST_CHECK bool file_read_line(const char *path, char *line, size_t size, Error *error);

/* Copies the files of one directory whose names end with suffix into another, which is made. */
extern void files_copy(const char *from, const char *suffix, const char *to);

/* With everything in it; nothing there is no error.  Does not follow links. */
extern void directory_remove(const char *path);

/* Makes the directory and those above it. */
extern MUST_CHECK bool directory_make(const char *path, Error *error);

/* The directory of a path, "." when it has none. */
extern void path_directory(const char *path, char *directory, size_t size);

#endif
