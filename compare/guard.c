/*
 * guard.c
 *	  Signals, orphans and the directory.
 */
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"

#define KILL_LIMIT_USEC (10 * USEC_PER_SEC)
#define KILL_LOOK_USEC 5000
/*
 * One wish often comes as several signals: timeout(1) sends one to the process and one to its
 * group, and a terminal that is closed sends SIGHUP, as does its shell.
 */
#define ONE_WISH_USEC USEC_PER_SEC

static void
watched_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGQUIT);
	sigaddset(signals, SIGCHLD);
}

GuardRole
guard_split(pid_t *run, Error *error)
{
	sigset_t signals;
	sigset_t before;
	pid_t guard = getpid();

	/* Blocked first, so that no signal is lost between here and the watch. */
	watched_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	*run = fork();
	if (*run < 0)
	{
		error_bug(error, "could not fork: %s", strerror(errno));
		return GUARD_FAILED;
	}
	if (*run > 0)
	{
		setpgid(*run, *run);
		return GUARD_IS_GUARD;
	}
	/* Out of the terminal's group: a Ctrl-C reaches the guard alone. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (getppid() != guard)
		raise(SIGTERM);
	return GUARD_IS_RUN;
}

/* The parent of a process, from /proc/<pid>/stat; 0 when it is gone. */
static pid_t
parent_of(const char *pid)
{
	char path[64];
	char text[512];
	FILE *file;
	const char *after;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	/* pid (command) state parent: the command may hold anything, so from the last parenthesis. */
	after = strrchr(text, ')');
	return after != NULL && strlen(after) > 4 ? (pid_t) strtol(after + 4, NULL, 10) : 0;
}

static void
kill_children(void)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;

	if (processes == NULL)
		return;
	while ((entry = readdir(processes)) != NULL)
	{
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			parent_of(entry->d_name) == getpid())
			kill((pid_t) strtol(entry->d_name, NULL, 10), SIGKILL);
	}
	closedir(processes);
}

/* Children of killed children become ours, so again until there are none. */
static void
kill_descendants(void)
{
	MonoUsec limit = clock_mono() + KILL_LIMIT_USEC;
	pid_t ended;

	while ((ended = waitpid(-1, NULL, WNOHANG)) >= 0 && clock_mono() < limit)
	{
		if (ended > 0)
			continue;
		kill_children();
		usleep(KILL_LOOK_USEC);
	}
}

/* Reaps what has ended; true when it was the run. */
static bool
reap(pid_t run, int *status)
{
	bool over = false;
	pid_t ended;
	int how;

	while ((ended = waitpid(-1, &how, WNOHANG)) > 0)
	{
		if (ended != run)
			continue;
		over = true;
		*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	}
	return over;
}

/* The first wish is passed on, the second one is an order.  asked_at: of the first; 0: none yet. */
static bool
ask(pid_t run, MonoUsec *asked_at)
{
	MonoUsec now = clock_mono();

	if (*asked_at == 0)
	{
		*asked_at = now;
		kill(run, SIGTERM);
		return false;
	}
	if (now - *asked_at < ONE_WISH_USEC)
		return false;
	kill(run, SIGKILL);
	return true;
}

int
guard_watch(pid_t run, const char *dir, bool keep)
{
	sigset_t signals;
	int status = 0;
	bool over = false;
	bool killed = false;
	MonoUsec asked_at = 0;

	watched_signals(&signals);
	while (!over)
	{
		int signo = sigwaitinfo(&signals, NULL);

		if (signo == SIGCHLD)
			over = reap(run, &status);
		else if (signo > 0)
			killed = ask(run, &asked_at) || killed;
	}
	kill_descendants();
	if (!keep)
		directory_remove(dir);
	/* The run may have died of the first wish, before it could listen. */
	return killed || (asked_at != 0 && status > 128) ? GUARD_INTERRUPTED : status;
}
