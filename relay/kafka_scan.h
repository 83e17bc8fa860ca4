/*
 * kafka_scan.h
 *	  Reads the recorded topics once, from near their ends or from a time on, up to where
 *	  they end at this moment.
 *
 * Headers only: values aren't kept.  Nobody's offsets are touched.  Calls of librdkafka
 * that block are bounded by 500 ms each.
 */
#ifndef OUTBOX_RELAY_KAFKA_SCAN_H
#define OUTBOX_RELAY_KAFKA_SCAN_H

#include "clock.h"
#include "relay_options.h"
#include "route.h"

/* Headers whose data is NULL aren't there, or have no value. */
typedef struct ScannedRecord
{
	const char *topic;
	int partition;
	int64_t timestamp_ms; /* since 1970; -1: none */
	ByteView id;		  /* of either profile */
	ByteView position;
	bool replayed; /* the header is there, with any value */
} ScannedRecord;

typedef void (*ScanFn)(const ScannedRecord *record, void *arg);

/* Whether a partition is to be read. */
typedef bool (*ScanWantsFn)(const char *topic, uint32_t partition, void *arg);

typedef struct ScanFrom
{
	const TopicMap *but; /* these topics aren't read; NULL: all are.  Borrowed as well */
	ScanWantsFn wants;	 /* with the arg of ScanFn; NULL: all of them */
	bool uncommitted;	 /* those of open and of aborted transactions, too */
	int tail_records;	 /* so many of each partition at least, the last ones, */
	int64_t since_ms;	 /* and all from the first with this timestamp or a later one on; 0: all,
						  * or, where there are tail_records, no more than those */
} ScanFrom;

typedef struct KafkaScan KafkaScan;

/* topics is borrowed until kafka_scan_free(). */
extern MUST_CHECK KafkaScan *kafka_scan_open(const RelayConfig *config, const TopicMap *topics,
											 const ScanFrom *from, ScanFn take, void *arg,
											 Error *error);
/*
 * IO_OK: all was read; IO_AGAIN: call again at kafka_scan_wake_at(); IO_FAILED: TRANSIENT, also when
 * nothing came for 20 seconds, or EXIT_PERMISSION.
 */
extern MUST_CHECK IoResult kafka_scan_step(KafkaScan *scan, MonoUsec now, Error *error);
extern MonoUsec kafka_scan_wake_at(const KafkaScan *scan);
extern void kafka_scan_free(KafkaScan *scan); /* NULL is allowed */

#endif
