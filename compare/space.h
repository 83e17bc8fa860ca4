/*
 * space.h
 *	  A small disk for the target's tables, that can be full.
 *
 * A tmpfs in a mount namespace of our own: it ends with the last of our
 * processes, whatever ends them.  Its size is changed while it is mounted: full is
 * when it is as large as what is on it.  Needs CAP_SYS_ADMIN, or user namespaces.
 */
#ifndef OUTBOX_COMPARE_SPACE_H
#define OUTBOX_COMPARE_SPACE_H

#include "child.h"
#include "error.h"

/*
 * Makes the directory and mounts it, owned by the user.  Call it before there are
 * threads, from the thread that starts children.
 */
extern MUST_CHECK bool space_make(const char *path, const ChildUser *user, Error *error);

extern MUST_CHECK bool space_fill(const char *path, Error *error);
extern MUST_CHECK bool space_empty(const char *path, Error *error);

#endif
