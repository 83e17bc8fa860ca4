/*
 * walk.h
 *	  Drivers that move through a city: a random walk with inertia, inside bounds.
 *
 * A driver turns a little and speeds up or slows down with each step, now and
 * then takes a corner, and turns back at the city's edge.  The same seed makes
 * the same paths.
 */
#ifndef OUTBOX_COMPARE_WALK_H
#define OUTBOX_COMPARE_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "location.h"
#include "random.h"

typedef struct CityBounds
{
	double south; /* degrees; south < north, west < east, away from the poles */
	double west;
	double north;
	double east;
} CityBounds;

extern const CityBounds walk_berlin;

typedef struct Walker
{
	double latitude;
	double longitude;
	double heading;
	double speed;
	int status;		  /* index into the statuses of a working driver */
	int64_t moved_at; /* microseconds from the start of the load */
} Walker;

typedef struct Walk
{
	CityBounds bounds;
	Random random;
	Walker *walkers;
	uint32_t count;
	uint32_t first_driver; /* the number of the first one's name; 0 unless it is set */
} Walk;

#define DRIVERS_PER_RUN 10000 /* names of drivers are not used again by the stage's next run */
#define WALK_MAX_SPEED 22.0	  /* metres per second */

/* False when there is no memory. */
extern MUST_CHECK bool walk_init(Walk *walk, const CityBounds *bounds, uint32_t drivers,
								 uint64_t seed);
extern void walk_free(Walk *walk);

/*
 * Moves one driver, drawn at random, up to "at" and fills everything of the
 * report but request_id; its time is start + at.
 */
extern void walk_next(Walk *walk, UnixUsec start, int64_t at, LocationReport *report);

#endif
