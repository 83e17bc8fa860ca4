/*
 * location.h
 *	  What a driver's phone reports: the body of POST /drivers/{id}/location, and
 *	  the payload of the event.  Pure.
 *
 *	{"request_id":"…","driver_id":"driver-0007","latitude":52.520008,
 *	 "longitude":13.404954,"heading":271.5,"speed":8.30,"accuracy":5.1,
 *	 "status":"on_trip","time":"2026-01-31T12:34:56.789Z"}
 *
 * The event also has "version", which counts the driver's stored reports.
 */
#ifndef OUTBOX_COMPARE_LOCATION_H
#define OUTBOX_COMPARE_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "clock.h"
#include "envelope.h"

#define DRIVER_ID_SIZE 64 /* with the terminator; [A-Za-z0-9_-] */
#define DRIVER_STATUS_SIZE 16

typedef struct LocationReport
{
	uint8_t request_id[UUID_SIZE];
	char driver_id[DRIVER_ID_SIZE];
	double latitude;				 /* degrees, -90 .. 90 */
	double longitude;				 /* degrees, -180 .. 180 */
	double heading;					 /* degrees from north, 0 <= x < 360 */
	double speed;					 /* metres per second, 0 .. 150 */
	double accuracy;				 /* metres, 0 .. 10000 */
	char status[DRIVER_STATUS_SIZE]; /* "available", "en_route", "on_trip" or "offline" */
	char time[CLOCK_TEXT_SIZE];		 /* as clock_format() writes it */
} LocationReport;

#define LOCATION_NO_VERSION 0

/* version is left out when it is LOCATION_NO_VERSION. */
extern void location_format(const LocationReport *report, int64_t version, Buffer *json);

/* What stands before the version's digits and behind them, for who learns the version later. */
extern void location_format_head(const LocationReport *report, Buffer *json);
extern void location_format_tail(const LocationReport *report, Buffer *json);

/* On failure *reason is a static text for the client. */
extern MUST_CHECK bool location_parse(const char *json, size_t len, LocationReport *report,
									  const char **reason);

extern bool driver_id_valid(const char *text, size_t len);
extern bool driver_status_valid(const char *text);

#endif
