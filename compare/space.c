/*
 * space.c
 *	  unshare(2), mount(2) and the size of a tmpfs.
 */
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "exit_codes.h"

#define ROOM "2g"
#define FILL_TRIES 20

static bool
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* As nobody in particular: a user namespace in which we stay who we are. */
static bool
enter_user_namespace(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	snprintf(map, sizeof(map), "%u %u 1", (unsigned) uid, (unsigned) uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", (unsigned) gid, (unsigned) gid);
	return write_file("/proc/self/gid_map", map);
}

/* root has to become another user for the servers, which such a namespace doesn't know. */
static bool
enter_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0 || (geteuid() != 0 && enter_user_namespace());
}

bool
space_make(const char *path, const ChildUser *user, Error *error)
{
	char options[128];
	unsigned uid = user->change ? user->uid : geteuid();
	unsigned gid = user->change ? user->gid : getegid();

	snprintf(options, sizeof(options), "size=" ROOM ",mode=0700,uid=%u,gid=%u", uid, gid);
	if (mkdir(path, 0700) != 0)
		return error_permanent(error, EXIT_CONFIG, "could not make \"%s\": %s", path,
							   strerror(errno));
	if (!enter_namespace() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("outbox-compare", path, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
	{
		error_permanent(error, EXIT_CONFIG, "could not mount a small disk: %s", strerror(errno));
		return error_hint(error, "It takes CAP_SYS_ADMIN or user namespaces. Leave the scenarios "
								 "with \"disk-full\" out.");
	}
	return true;
}

static bool
resize(const char *path, const char *size)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%s", size);
	return mount("outbox-compare", path, "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, options) == 0;
}

bool
space_fill(const char *path, Error *error)
{
	/* What is written between the look and the change makes it fail: then again. */
	for (int i = 0; i < FILL_TRIES; i++)
	{
		struct statvfs facts;
		char size[32];

		if (statvfs(path, &facts) != 0)
			break;
		snprintf(size, sizeof(size), "%llu",
				 (unsigned long long) (facts.f_blocks - facts.f_bfree) * facts.f_frsize);
		if (resize(path, size))
			return true;
	}
	return error_permanent(error, EXIT_SERVER, "could not fill \"%s\": %s", path, strerror(errno));
}

bool
space_empty(const char *path, Error *error)
{
	return resize(path, ROOM) ||
		   error_permanent(error, EXIT_SERVER, "could not empty \"%s\": %s", path, strerror(errno));
}
