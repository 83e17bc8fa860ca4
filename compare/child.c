/*
 * child.c
 *	  fork, exec and wait.
 *
 * Between fork and exec only calls that are safe in a process with threads: all
 * strings are made before.  PG* and OUTBOX_RELAY_*, _CONSUMER_* and _INGEST_* of our own
 * environment are kept from the children, which get their settings from us alone.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit_codes.h"

#define LOOK_USEC (10 * USEC_PER_MS)
#define KILL_WAIT_USEC (5 * USEC_PER_SEC)
#define EXEC_FAILED 127

extern char **environ;

static bool
is_hidden(const char *variable)
{
	static const char *const prefixes[] = {"PG", "OUTBOX_RELAY_", "OUTBOX_CONSUMER_",
										   "OUTBOX_INGEST_", NULL};

	for (int i = 0; prefixes[i] != NULL; i++)
	{
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

void
child_forget_environment(void)
{
	char name[64];
	char **variable = environ;

	while (*variable != NULL)
	{
		size_t len = strcspn(*variable, "=");

		/* The one by which the server is found. */
		if (!is_hidden(*variable) || (*variable)[len] != '=' || len >= sizeof(name) ||
			strncmp(*variable, "PG_CONFIG=", 10) == 0)
		{
			variable++;
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int) len, *variable);
		unsetenv(name);
		variable = environ;
	}
}

/* Our environment without what is hidden, and what the spec adds; the strings are borrowed. */
static const char **
make_environment(const char *const *added)
{
	size_t count = 1;
	const char **variables;
	size_t at = 0;

	for (char **variable = environ; *variable != NULL; variable++)
		count++;
	for (const char *const *variable = added; variable != NULL && *variable != NULL; variable++)
		count++;
	variables = calloc(count, sizeof(*variables));
	if (variables == NULL)
		return NULL;
	for (const char *const *variable = added; variable != NULL && *variable != NULL; variable++)
		variables[at++] = *variable;
	for (char **variable = environ; *variable != NULL; variable++)
	{
		if (!is_hidden(*variable))
			variables[at++] = *variable;
	}
	return variables;
}

static bool
become(const ChildUser *user)
{
	if (!user->change)
		return true;
	return setgroups(1, &user->gid) == 0 && setgid(user->gid) == 0 && setuid(user->uid) == 0;
}

static void
reset_signals(void)
{
	struct sigaction action;
	sigset_t none;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	sigaction(SIGPIPE, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child; returns only when it failed. */
static void
run_child(const ChildSpec *spec, const char *const *environment, int log_fd, int null_fd,
		  pid_t parent)
{
	static const char failure[] = "the program could not be run\n";

	setpgid(0, 0);
	reset_signals();
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
		dup2(log_fd, STDERR_FILENO) < 0)
		return;
	close_range(3, ~0U, 0);
	if (!become(&spec->user))
		return;
	/* After setuid(), which takes it back. */
	prctl(PR_SET_PDEATHSIG, spec->death_signal);
	if (getppid() != parent)
		return;
	execvpe(spec->argv[0], (char *const *) spec->argv, (char *const *) environment);
	if (write(STDERR_FILENO, failure, sizeof(failure) - 1) < 0)
		return;
}

bool
child_start(Child *child, const ChildSpec *spec, Error *error)
{
	const char **environment = make_environment(spec->env);
	int log_fd = open(spec->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t parent = getpid();
	int fork_errno = errno;

	*child = (Child){.pid = 0};
	snprintf(child->name, sizeof(child->name), "%s", spec->name);
	snprintf(child->log_path, sizeof(child->log_path), "%s", spec->log_path);
	if (environment != NULL && log_fd >= 0 && null_fd >= 0)
	{
		child->pid = fork();
		fork_errno = errno;
		if (child->pid == 0)
		{
			run_child(spec, environment, log_fd, null_fd, parent);
			/* Not an orderly end: nothing of the parent's may be flushed twice. */
			kill(getpid(), SIGKILL);
		}
		/* Here as well: whoever comes first, it has its group before it is signalled. */
		if (child->pid > 0)
			setpgid(child->pid, child->pid);
	}
	free(environment);
	if (log_fd >= 0)
		close(log_fd);
	if (null_fd >= 0)
		close(null_fd);
	if (child->pid <= 0)
	{
		child->pid = 0;
		return error_bug(error, "could not start %s: %s", spec->name, strerror(fork_errno));
	}
	child->running = true;
	return true;
}

bool
child_running(Child *child)
{
	int status;
	pid_t ended;

	if (!child->running)
		return false;
	do
	{
		ended = waitpid(child->pid, &status, WNOHANG);
	} while (ended < 0 && errno == EINTR);
	if (ended == 0)
		return true;
	child->running = false;
	if (ended < 0)
		child->status = EXEC_FAILED;
	else
		child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return false;
}

void
child_signal(Child *child, int signo)
{
	if (child_running(child))
		kill(child->pid, signo);
}

void
child_kill(Child *child)
{
	if (child->pid == 0)
		return;
	if (child_running(child))
	{
		kill(-child->pid, SIGKILL);
		child_wait(child, KILL_WAIT_USEC);
	}
}

bool
child_wait(Child *child, int64_t timeout_usec)
{
	MonoUsec deadline = clock_mono() + timeout_usec;

	while (child_running(child))
	{
		if (clock_mono() >= deadline)
			return false;
		usleep((useconds_t) LOOK_USEC);
	}
	return true;
}

bool
child_finish(Child *child, Interrupt *interrupt, int64_t timeout_usec, Error *error)
{
	MonoUsec deadline = clock_mono() + timeout_usec;

	while (child_running(child))
	{
		if (!interrupt_wait(interrupt, clock_mono() + LOOK_USEC))
		{
			child_kill(child);
			return error_transient(error, "interrupted");
		}
		if (clock_mono() >= deadline)
		{
			child_kill(child);
			return error_permanent(error, EXIT_SERVER, "%s did not end within %lld s", child->name,
								   (long long) (timeout_usec / USEC_PER_SEC));
		}
	}
	return child->status == 0 || child_error(child, error);
}

/* The last line that is not empty, of at most the last 4 kB. */
static void
last_line(const char *path, char *line, size_t size)
{
	char tail[4096];
	FILE *file = fopen(path, "re");
	size_t len;
	char *start;

	line[0] = '\0';
	if (file == NULL)
		return;
	if (fseek(file, -(long) (sizeof(tail) - 1), SEEK_END) != 0)
		rewind(file);
	len = fread(tail, 1, sizeof(tail) - 1, file);
	fclose(file);
	while (len > 0 && (tail[len - 1] == '\n' || tail[len - 1] == '\r'))
		len--;
	tail[len] = '\0';
	start = strrchr(tail, '\n');
	snprintf(line, size, "%.500s", start != NULL ? start + 1 : tail);
}

bool
child_error(const Child *child, Error *error)
{
	char line[sizeof(error->detail)];

	if (child->status == 128 + SIGKILL)
		error_permanent(error, EXIT_SERVER, "%s could not be started or was killed", child->name);
	else if (child->status > 128)
		error_permanent(error, EXIT_SERVER, "%s ended by signal %d", child->name,
						child->status - 128);
	else
		error_permanent(error, EXIT_SERVER, "%s ended with status %d", child->name, child->status);
	last_line(child->log_path, line, sizeof(line));
	return line[0] != '\0' ? error_detail(error, "%s", line) : false;
}
