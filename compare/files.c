/*
 * files.c
 *	  Reading, writing and removing.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_codes.h"

#define WALK_DESCRIPTORS 16
#define PATH_LIMIT 4096

static bool
file_error(const char *what, const char *path, Error *error)
{
	return error_permanent(error, EXIT_CONFIG, "could not %s \"%s\": %s", what, path,
						   strerror(errno));
}

bool
file_write(const char *path, const char *text, unsigned mode, Error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t) mode);
	size_t len = strlen(text);
	bool written;

	if (fd < 0)
		return file_error("write", path, error);
	written = write(fd, text, len) == (ssize_t) len;
	if (close(fd) != 0)
		written = false;
	return written || file_error("write", path, error);
}

/* -------------------------------------------------------------------------
 * drafts
 * ------------------------------------------------------------------------- */

bool
draft_open(Draft *draft, const char *place, Error *error)
{
	draft->place = place;
	draft->file = NULL;
	errno = ENAMETOOLONG;
	if (snprintf(draft->path, sizeof(draft->path), "%s.%ld.new", place, (long) getpid()) <
		(int) sizeof(draft->path))
		draft->file = fopen(draft->path, "we");
	return draft->file != NULL || file_error("write", place, error);
}

bool
draft_finish(Draft *draft, bool whole, Error *error)
{
	int reason = errno;

	if (fclose(draft->file) != 0 && whole)
	{
		reason = errno;
		whole = false;
	}
	if (whole && rename(draft->path, draft->place) == 0)
		return true;
	if (whole)
		reason = errno;
	unlink(draft->path);
	errno = reason;
	return file_error("write", draft->place, error);
}

bool
place_check(const char *path, Error *error)
{
	char directory[PATH_LIMIT];
	struct stat facts;
	Draft draft;

	path_directory(path, directory, sizeof(directory));
	if (!directory_make(directory, error) || !draft_open(&draft, path, error))
		return false;
	fclose(draft.file);
	unlink(draft.path);
	if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode))
		return true;
	errno = EISDIR;
	return file_error("write", path, error);
}

/* -------------------------------------------------------------------------
 * whole files
 * ------------------------------------------------------------------------- */

bool
file_read_line(const char *path, char *line, size_t size, Error *error)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return file_error("read", path, error);
	if (fgets(line, (int) size, file) == NULL)
		line[0] = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return line[0] != '\0' || error_permanent(error, EXIT_CONFIG, "\"%s\" is empty", path);
}

static void
copy_file(const char *from, const char *to)
{
	char chunk[65536];
	FILE *in = fopen(from, "re");
	FILE *out = in != NULL ? fopen(to, "we") : NULL;
	size_t len;

	while (out != NULL && (len = fread(chunk, 1, sizeof(chunk), in)) > 0)
	{
		if (fwrite(chunk, 1, len, out) != len)
			break;
	}
	if (out != NULL)
		fclose(out);
	if (in != NULL)
		fclose(in);
}

void
files_copy(const char *from, const char *suffix, const char *to)
{
	DIR *directory = opendir(from);
	const struct dirent *entry;
	Error ignored;

	if (directory == NULL)
		return;
	while (directory_make(to, &ignored) && (entry = readdir(directory)) != NULL)
	{
		size_t len = strlen(entry->d_name);
		char source[PATH_LIMIT];
		char copy[PATH_LIMIT];

		if (len < strlen(suffix) || strcmp(entry->d_name + len - strlen(suffix), suffix) != 0)
			continue;
		snprintf(source, sizeof(source), "%.2000s/%s", from, entry->d_name);
		snprintf(copy, sizeof(copy), "%.2000s/%s", to, entry->d_name);
		copy_file(source, copy);
	}
	closedir(directory);
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void) status;
	(void) type;
	(void) place;
	/* Whatever could not be removed stays, and keeps what is above it; the rest goes. */
	return remove(path) != 0 && errno == ENOMEM ? -1 : 0;
}

void
directory_remove(const char *path)
{
	nftw(path, remove_entry, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

bool
directory_make(const char *path, Error *error)
{
	char part[4096];

	for (size_t len = 1; len <= strlen(path) && len < sizeof(part); len++)
	{
		if (path[len] != '/' && path[len] != '\0')
			continue;
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return file_error("make", part, error);
	}
	return true;
}

void
path_directory(const char *path, char *directory, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(directory, size, ".");
	else
		snprintf(directory, size, "%.*s", slash == path ? 1 : (int) (slash - path), path);
}
