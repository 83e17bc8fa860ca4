/*
 * event_time.c
 *	  Times of events as text.
 *
 * Refuses dates that there aren't, leap seconds, and years outside of 0001 to 9999.
 *
 * Invariants: what was formatted parses to the same time.
 */
#include "event_time.h"

#include <stdio.h>

#define USEC_PER_DAY (INT64_C(86400) * USEC_PER_SEC)
#define YEAR_1_DAY INT64_C(-719162)		/* 0001-01-01, from 1970 */
#define YEAR_10000_DAY INT64_C(2932897) /* 10000-01-01, from 1970 */

/* Days from 1970-01-01 of the proleptic Gregorian calendar; years begin in March here. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t month_from_march = (month + 9) % 12;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

typedef struct Scan
{
	ByteView text;
	size_t pos;
} Scan;

static int
look(const Scan *scan)
{
	return scan->pos < scan->text.len ? scan->text.data[scan->pos] : -1;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
accept(Scan *scan, char wanted)
{
	if (look(scan) != wanted)
		return false;
	scan->pos++;
	return true;
}

/* Exactly that many digits. */
static bool
number(Scan *scan, int digits, int *value)
{
	*value = 0;
	while (digits-- > 0)
	{
		if (!is_digit(look(scan)))
			return false;
		*value = *value * 10 + (scan->text.data[scan->pos++] - '0');
	}
	return true;
}

static bool
fraction(Scan *scan, int *usec)
{
	int scale = 100000;

	*usec = 0;
	if (!accept(scan, '.'))
		return true;
	if (!is_digit(look(scan)))
		return false;
	for (; is_digit(look(scan)); scan->pos++)
	{
		*usec += (look(scan) - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* Seconds east of UTC. */
static bool
zone(Scan *scan, int *offset)
{
	bool west = look(scan) == '-';
	int hours;
	int minutes = 0;

	*offset = 0;
	if (look(scan) == -1 || accept(scan, 'Z'))
		return true;
	if ((!accept(scan, '+') && !accept(scan, '-')) || !number(scan, 2, &hours))
		return false;
	if ((accept(scan, ':') || look(scan) != -1) && !number(scan, 2, &minutes))
		return false;
	if (hours > 15 || minutes > 59)
		return false;
	*offset = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

static bool
parse_text(ByteView text, PgUsec *at)
{
	Scan scan = {text, 0};
	int year, month, day, hour, minute, second, usec, offset;
	int64_t since_1970;

	if (!number(&scan, 4, &year) || !accept(&scan, '-') || !number(&scan, 2, &month) ||
		!accept(&scan, '-') || !number(&scan, 2, &day) ||
		(!accept(&scan, 'T') && !accept(&scan, ' ')) || !number(&scan, 2, &hour) ||
		!accept(&scan, ':') || !number(&scan, 2, &minute) || !accept(&scan, ':') ||
		!number(&scan, 2, &second) || !fraction(&scan, &usec) || !zone(&scan, &offset) ||
		look(&scan) != -1)
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
		hour > 23 || minute > 59 || second > 59)
		return false;
	since_1970 = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	*at = since_1970 * USEC_PER_SEC + usec - PG_EPOCH_UNIX_USEC;
	return true;
}

static bool
parse_number(ByteView text, PgUsec *at)
{
	Scan scan = {text, 0};
	bool negative = accept(&scan, '-');
	int64_t ms = 0;

	if (text.len - scan.pos < 1 || text.len - scan.pos > 15)
		return false;
	for (; scan.pos < text.len; scan.pos++)
	{
		if (!is_digit(look(&scan)))
			return false;
		ms = ms * 10 + (look(&scan) - '0');
	}
	if (negative)
		ms = -ms;
	if (ms < YEAR_1_DAY * (USEC_PER_DAY / USEC_PER_MS) ||
		ms >= YEAR_10000_DAY * (USEC_PER_DAY / USEC_PER_MS))
		return false;
	*at = ms * USEC_PER_MS - PG_EPOCH_UNIX_USEC;
	return true;
}

bool
event_time_parse(ByteView text, PgUsec *at)
{
	return parse_number(text, at) || parse_text(text, at);
}

bool
event_time_format(PgUsec at, char *text)
{
	int64_t epoch_days = PG_EPOCH_UNIX_USEC / USEC_PER_DAY;
	int64_t days = at / USEC_PER_DAY;
	int64_t usec = at % USEC_PER_DAY;
	int64_t year;
	int month = 1;
	int second;

	if (usec < 0)
	{
		usec += USEC_PER_DAY;
		days--;
	}
	days += epoch_days;
	if (days < YEAR_1_DAY || days >= YEAR_10000_DAY)
		return false;
	year = days >= 0 ? 1970 + days / 366 : 1969 + days / 365; /* or some before it */
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	days -= days_of(year, 1, 1);
	while (days >= month_days((int) year, month))
		days -= month_days((int) year, month++);
	second = (int) (usec / USEC_PER_SEC);
	snprintf(text, EVENT_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int) year % 10000,
			 month % 100, (int) (days + 1) % 100, second / 3600 % 100, second / 60 % 60,
			 second % 60, (int) (usec % USEC_PER_SEC) % 1000000);
	return true;
}
