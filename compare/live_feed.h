/*
 * live_feed.h
 *	  What the conductor knows, as snapshots for the live page, and the page's orders as faults.
 *
 * NULL is allowed for the feed everywhere: then there is no page.  Main thread only.
 */
#ifndef OUTBOX_COMPARE_LIVE_FEED_H
#define OUTBOX_COMPARE_LIVE_FEED_H

#include "live.h"
#include "report.h"

typedef struct LiveFeed LiveFeed;

/* Starts the page's server; NULL with the Error filled. */
extern MUST_CHECK LiveFeed *live_feed_open(const char *listen_at, const bool *modes, Error *error);
extern const char *live_feed_url(const LiveFeed *feed);
extern void live_feed_close(LiveFeed *feed);

/* While there is nothing to see: why. */
extern void live_feed_wait(LiveFeed *feed, const char *why);

typedef struct LiveRun
{
	const Scenario *scenario;
	const Stage *stage;
	const Faults *faults;
	const Load *load;
	uint64_t seed;
	int repeat, repeats;
	bool endless;
	MonoUsec start;
} LiveRun;

/* All that it points to stays until live_feed_end(). */
extern void live_feed_begin(LiveFeed *feed, const LiveRun *run);
extern void live_feed_show(LiveFeed *feed, const Sample *sample, MonoUsec now);
/* The last snapshot of the run: with its books. */
extern void live_feed_end(LiveFeed *feed, const RunReport *report, const Sample *sample,
						  MonoUsec now);

/*
 * Orders from the page, as faults by hand; one that isn't possible is said to be so there.
 * faults is NULL when nothing is to be broken any more.
 */
extern void live_feed_obey(LiveFeed *feed, Faults *faults, MonoUsec now);

#endif
