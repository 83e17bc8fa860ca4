/*
 * files.h
 *	  Small things with files and directories.
 */
#ifndef OUTBOX_COMPARE_FILES_H
#define OUTBOX_COMPARE_FILES_H

#include <stddef.h>

#include "error.h"

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
