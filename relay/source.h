/*
 * source.h
 *	  Where frames come from: a small vtable with pg_source (libpq in COPY BOTH)
 *	  and a fake for tests behind it.
 *
 * A frame is valid until the next source_next() or source_close().  Nothing
 * here blocks, retries or logs.
 */
#ifndef OUTBOX_RELAY_SOURCE_H
#define OUTBOX_RELAY_SOURCE_H

#include "clock.h"
#include "error.h"
#include "lsn.h"
#include "reader.h"

typedef struct ReplSource ReplSource;

typedef struct ReplSourceOps
{
	/* IO_OK: *frame holds one COPY BOTH message; IO_AGAIN: wait for readable; IO_END; IO_FAILED */
	IoResult (*next)(ReplSource *source, ByteView *frame, Error *error);
	/* Takes what is there from the network, for later; *bytes is how much.  IO_OK or IO_FAILED */
	IoResult (*gather)(ReplSource *source, size_t *bytes, Error *error);
	/* Queue a standby status update ('r' message, already framed by walframe). IO_OK or IO_FAILED */
	IoResult (*send_status)(ReplSource *source, ByteView message, Error *error);
	/* Push queued output. IO_OK: all gone; IO_AGAIN: wait for writable; IO_FAILED */
	IoResult (*flush)(ReplSource *source, Error *error);
	int (*fd)(const ReplSource *source); /* -1 when not connected */
	void (*close)(ReplSource *source);
} ReplSourceOps;

struct ReplSource
{
	const ReplSourceOps *ops;
};

#endif
