/*
 * proc_tree.h
 *	  A process with all its descendants, from /proc.
 */
#ifndef OUTBOX_COMPARE_PROC_TREE_H
#define OUTBOX_COMPARE_PROC_TREE_H

#include <stdint.h>
#include <sys/types.h>

/* Sends the signal to the process first, then to those below it. */
extern void proc_tree_signal(pid_t root, int signo);

/*
 * For each root: the processor time that it, its descendants and those of them that
 * have ended used, in microseconds; 0 when it is gone, or is 0.
 */
extern void proc_tree_cpu(const pid_t *roots, int64_t *usec, int count);

#endif
