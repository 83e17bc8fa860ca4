/*
 * proc_tree.c
 *	  Reads /proc once, then walks from parent to children.
 */
#include "proc_tree.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define PROCESSES_MAX 4096

typedef struct ProcessFacts
{
	pid_t pid;
	pid_t parent;
	int64_t ticks; /* its own, and of children that it has waited for */
	bool wanted;
} ProcessFacts;

typedef struct Processes
{
	ProcessFacts all[PROCESSES_MAX];
	int count;
} Processes;

static bool
read_process(const char *name, ProcessFacts *process)
{
	unsigned long own, own_system;
	long waited, waited_system;
	char path[64];
	char text[1024];
	FILE *file;
	const char *after;
	size_t len;
	int parent;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	/* pid (command) state parent …: the command may hold anything, so from the last parenthesis. */
	after = strrchr(text, ')');
	if (after == NULL ||
		sscanf(after + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &parent,
			   &own, &own_system, &waited, &waited_system) != 5)
		return false;
	*process = (ProcessFacts){.pid = (pid_t) strtol(name, NULL, 10),
							  .parent = parent,
							  .ticks = (int64_t) (own + own_system) + waited + waited_system};
	return true;
}

static void
read_all(Processes *processes)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;

	processes->count = 0;
	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL && processes->count < PROCESSES_MAX)
	{
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			read_process(entry->d_name, &processes->all[processes->count]))
			processes->count++;
	}
	closedir(directory);
}

/* Marks the root and all below it; a few rounds, as a child may come before its parent. */
static void
mark(Processes *processes, pid_t root)
{
	bool more = true;

	for (int i = 0; i < processes->count; i++)
		processes->all[i].wanted = processes->all[i].pid == root;
	while (more)
	{
		more = false;
		for (int i = 0; i < processes->count; i++)
		{
			ProcessFacts *process = &processes->all[i];

			for (int j = 0; j < processes->count && !process->wanted; j++)
			{
				if (processes->all[j].wanted && processes->all[j].pid == process->parent)
					process->wanted = more = true;
			}
		}
	}
}

void
proc_tree_signal(pid_t root, int signo)
{
	Processes *processes;

	if (root <= 0)
		return;
	/* First: a parent that is stopped makes no more children. */
	kill(root, signo);
	processes = malloc(sizeof(*processes));
	if (processes == NULL)
		return;
	read_all(processes);
	mark(processes, root);
	for (int i = 0; i < processes->count; i++)
	{
		if (processes->all[i].wanted && processes->all[i].pid != root)
			kill(processes->all[i].pid, signo);
	}
	free(processes);
}

static int64_t
ticks_of(Processes *processes, pid_t root)
{
	int64_t ticks = 0;

	mark(processes, root);
	for (int i = 0; i < processes->count; i++)
	{
		if (processes->all[i].wanted)
			ticks += processes->all[i].ticks;
	}
	return ticks;
}

void
proc_tree_cpu(const pid_t *roots, int64_t *usec, int count)
{
	Processes *processes = malloc(sizeof(*processes));

	memset(usec, 0, sizeof(*usec) * (size_t) count);
	if (processes == NULL)
		return;
	read_all(processes);
	for (int i = 0; i < count; i++)
	{
		if (roots[i] > 0)
			usec[i] = ticks_of(processes, roots[i]) * USEC_PER_SEC / sysconf(_SC_CLK_TCK);
	}
	free(processes);
}
