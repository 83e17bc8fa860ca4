/*
 * version.h: the version of the programs; extension/pg_outbox.control has the extension's, which is the same.
 */
#ifndef OUTBOX_VERSION_H
#define OUTBOX_VERSION_H

#define OUTBOX_VERSION "0.2.0"

#endif
