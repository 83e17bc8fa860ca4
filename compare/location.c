/*
 * location.c
 *	  Location reports as JSON.
 *
 * Refuses bodies that are no JSON object, lack a member, have one of the wrong
 * type or out of its range.  Unknown members are ignored.
 */
#include "location.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

static const char *const statuses[] = {"available", "en_route", "on_trip", "offline", NULL};

bool
driver_id_valid(const char *text, size_t len)
{
	if (len == 0 || len >= DRIVER_ID_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!isalnum((unsigned char) text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	}
	return true;
}

bool
driver_status_valid(const char *text)
{
	for (int i = 0; statuses[i] != NULL; i++)
	{
		if (strcmp(statuses[i], text) == 0)
			return true;
	}
	return false;
}

static void
format_ids(const LocationReport *report, Buffer *json)
{
	char id[UUID_TEXT_SIZE];

	uuid_format(report->request_id, id);
	buffer_printf(json, "{\"request_id\":\"%s\",\"driver_id\":\"%s\"", id, report->driver_id);
}

void
location_format_head(const LocationReport *report, Buffer *json)
{
	format_ids(report, json);
	buffer_append_str(json, ",\"version\":");
}

void
location_format_tail(const LocationReport *report, Buffer *json)
{
	buffer_printf(json,
				  ",\"latitude\":%.6f,\"longitude\":%.6f,\"heading\":%.1f,\"speed\":%.2f,"
				  "\"accuracy\":%.1f,\"status\":\"%s\",\"time\":\"%s\"}",
				  report->latitude, report->longitude, report->heading, report->speed,
				  report->accuracy, report->status, report->time);
}

void
location_format(const LocationReport *report, int64_t version, Buffer *json)
{
	if (version != LOCATION_NO_VERSION)
	{
		location_format_head(report, json);
		buffer_printf(json, "%lld", (long long) version);
	}
	else
		format_ids(report, json);
	location_format_tail(report, json);
}

static bool
take_number(const json_t *object, const char *name, double min, double max, double *value)
{
	const json_t *member = json_object_get(object, name);

	if (!json_is_number(member))
		return false;
	*value = json_number_value(member);
	return *value >= min && *value <= max;
}

static bool
take_text(const json_t *object, const char *name, char *value, size_t size)
{
	const json_t *member = json_object_get(object, name);
	size_t len;

	if (!json_is_string(member))
		return false;
	len = json_string_length(member);
	if (len >= size || memchr(json_string_value(member), '\0', len) != NULL)
		return false;
	memcpy(value, json_string_value(member), len + 1);
	return true;
}

/* 2026-01-31T12:34:56.789Z; whether there is such a day is the server's business. */
static bool
time_valid(const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
	{
		if (shape[i] == 'd' ? !isdigit((unsigned char) text[i]) : text[i] != shape[i])
			return false;
	}
	return true;
}

static const char *
take_report(const json_t *object, LocationReport *report)
{
	char id[UUID_TEXT_SIZE];

	if (!json_is_object(object))
		return "the body is not a JSON object";
	if (!take_text(object, "request_id", id, sizeof(id)) ||
		!uuid_parse(id, strlen(id), report->request_id))
		return "\"request_id\" is not a uuid";
	if (!take_text(object, "driver_id", report->driver_id, sizeof(report->driver_id)) ||
		!driver_id_valid(report->driver_id, strlen(report->driver_id)))
		return "\"driver_id\" is not a driver's id";
	if (!take_number(object, "latitude", -90, 90, &report->latitude))
		return "\"latitude\" is not a number from -90 to 90";
	if (!take_number(object, "longitude", -180, 180, &report->longitude))
		return "\"longitude\" is not a number from -180 to 180";
	if (!take_number(object, "heading", 0, 360, &report->heading))
		return "\"heading\" is not a number from 0 to 360";
	if (!take_number(object, "speed", 0, 150, &report->speed))
		return "\"speed\" is not a number from 0 to 150";
	if (!take_number(object, "accuracy", 0, 10000, &report->accuracy))
		return "\"accuracy\" is not a number from 0 to 10000";
	if (!take_text(object, "status", report->status, sizeof(report->status)) ||
		!driver_status_valid(report->status))
		return "\"status\" is not a driver's status";
	if (!take_text(object, "time", report->time, sizeof(report->time)) || !time_valid(report->time))
		return "\"time\" is not a time such as 2026-01-31T12:34:56.789Z";
	return NULL;
}

bool
location_parse(const char *json, size_t len, LocationReport *report, const char **reason)
{
	json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

	if (object == NULL)
		*reason = "the body is not JSON";
	else
		*reason = take_report(object, report);
	json_decref(object);
	return *reason == NULL;
}
