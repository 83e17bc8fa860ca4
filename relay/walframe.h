/*
 * walframe.h
 *	  The messages inside COPY BOTH (PostgreSQL manual, "Streaming Replication
 *	  Protocol").  Pure.
 *
 *	'w' XLogData	int64 start, int64 end, int64 sent_at, bytes
 *	'k' keepalive	int64 end, int64 sent_at, byte reply_requested
 *	'r' status		int64 written, int64 flushed, int64 applied, int64 at, byte reply
 */
#ifndef OUTBOX_RELAY_WALFRAME_H
#define OUTBOX_RELAY_WALFRAME_H

#include "clock.h"
#include "error.h"
#include "lsn.h"
#include "reader.h"

typedef enum WalFrameKind
{
	WAL_FRAME_DATA,
	WAL_FRAME_KEEPALIVE
} WalFrameKind;

typedef struct WalFrame
{
	WalFrameKind kind;
	PgLsn start; /* DATA; 0 for RELATION messages */
	PgLsn end;
	PgUsec sent_at;
	bool reply_requested; /* KEEPALIVE */
	ByteView payload;	  /* DATA */
} WalFrame;

extern MUST_CHECK bool walframe_parse(ByteView bytes, WalFrame *frame, Error *error);

#define WAL_STATUS_SIZE 34
/* flushed and applied are the same position here. */
extern void walframe_build_status(uint8_t *out, PgLsn written, PgLsn flushed, PgUsec now,
								  bool reply_requested);

#endif
