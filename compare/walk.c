/*
 * walk.c
 *	  The random walk.  Invariants: every position is inside the bounds, headings
 *	  are 0 <= x < 360, speeds 0 .. WALK_MAX_SPEED.
 */
#include "walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define METRES_PER_DEGREE 111320.0
#define PI 3.14159265358979323846

const CityBounds walk_berlin = {52.42, 13.22, 52.60, 13.58};

/* What a working driver does next: mostly the same. */
static const char *const statuses[] = {"available", "en_route", "on_trip"};
#define STATUS_COUNT 3
#define STATUS_CHANGE 0.02
#define CORNER 0.08

bool
walk_init(Walk *walk, const CityBounds *bounds, uint32_t drivers, uint64_t seed)
{
	walk->bounds = *bounds;
	walk->count = drivers;
	walk->first_driver = 0;
	random_seed(&walk->random, seed);
	walk->walkers = calloc(drivers, sizeof(Walker));
	if (walk->walkers == NULL)
		return false;
	for (uint32_t i = 0; i < drivers; i++)
	{
		Walker *walker = &walk->walkers[i];

		walker->latitude =
			bounds->south + random_unit(&walk->random) * (bounds->north - bounds->south);
		walker->longitude =
			bounds->west + random_unit(&walk->random) * (bounds->east - bounds->west);
		walker->heading = random_unit(&walk->random) * 360;
		walker->speed = random_unit(&walk->random) * WALK_MAX_SPEED;
		walker->status = (int) random_below(&walk->random, STATUS_COUNT);
	}
	return true;
}

void
walk_free(Walk *walk)
{
	free(walk->walkers);
	walk->walkers = NULL;
}

/* Uniform in [-width, width]. */
static double
swing(Random *random, double width)
{
	return (2 * random_unit(random) - 1) * width;
}

static double
wrap_degrees(double heading)
{
	heading = fmod(heading, 360);
	if (heading < 0)
		heading += 360;
	/* A tiny negative number plus 360 is 360. */
	return heading < 360 ? heading : 0;
}

/* Mirrors a coordinate at the bounds; says whether it had to. */
static bool
reflect(double *value, double low, double high)
{
	if (*value >= low && *value <= high)
		return false;
	*value = *value < low ? 2 * low - *value : 2 * high - *value;
	/* A step longer than the city. */
	if (*value < low || *value > high)
		*value = (low + high) / 2;
	return true;
}

static void
step(Walk *walk, Walker *walker, double seconds)
{
	double radians;
	double metres;

	walker->heading += swing(&walk->random, 12);
	if (random_unit(&walk->random) < CORNER)
		walker->heading += random_below(&walk->random, 2) == 0 ? 90 : -90;
	walker->heading = wrap_degrees(walker->heading);
	walker->speed = fmin(WALK_MAX_SPEED, fmax(0, walker->speed + swing(&walk->random, 3)));
	if (random_unit(&walk->random) < STATUS_CHANGE)
		walker->status = (walker->status + 1) % STATUS_COUNT;

	radians = walker->heading * PI / 180;
	metres = walker->speed * seconds;
	walker->latitude += metres * cos(radians) / METRES_PER_DEGREE;
	walker->longitude +=
		metres * sin(radians) / (METRES_PER_DEGREE * cos(walk->bounds.south * PI / 180));
	if (reflect(&walker->latitude, walk->bounds.south, walk->bounds.north))
		walker->heading = wrap_degrees(180 - walker->heading);
	if (reflect(&walker->longitude, walk->bounds.west, walk->bounds.east))
		walker->heading = wrap_degrees(-walker->heading);
}

void
walk_next(Walk *walk, UnixUsec start, int64_t at, LocationReport *report)
{
	uint32_t driver = (uint32_t) random_below(&walk->random, walk->count);
	Walker *walker = &walk->walkers[driver];

	step(walk, walker, (double) (at - walker->moved_at) / USEC_PER_SEC);
	walker->moved_at = at;

	snprintf(report->driver_id, sizeof(report->driver_id), "driver-%04u",
			 (unsigned) (walk->first_driver + driver));
	report->latitude = walker->latitude;
	report->longitude = walker->longitude;
	report->heading = walker->heading;
	report->speed = walker->speed;
	report->accuracy = 3 + random_unit(&walk->random) * 12;
	snprintf(report->status, sizeof(report->status), "%s", statuses[walker->status]);
	clock_format(start + at, report->time);
}
