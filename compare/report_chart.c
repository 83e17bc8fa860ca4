/*
 * report_chart.c
 *	  Lines, bands, ticks.
 *
 * In the SVG x runs from 0 to 1000 and y from 0 (top) to 100, whatever its size is.
 */
#include "report_chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report_words.h"

#define WIDTH 1000.0
#define HEIGHT 100.0
#define X_TICKS 7

/* -------------------------------------------------------------------------
 * scales
 * ------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, at least "least". */
static double
round_step(double least)
{
	double power = pow(10, floor(log10(least)));

	for (int i = 0; i < 3; i++)
	{
		static const double steps[] = {1, 2, 5};

		if (steps[i] * power >= least * (1 - 1e-9))
			return steps[i] * power;
	}
	return 10 * power;
}

ChartScale
chart_linear(double max, ChartUnit unit)
{
	ChartScale scale = {.unit = unit, .low = 0};

	if (!(max > 0))
		max = 1;
	scale.step = round_step(max / 3);
	if (unit == UNIT_COUNT && scale.step < 1)
		scale.step = 1;
	scale.high = scale.step * ceil(max / scale.step * (1 - 1e-9));
	/* The line at the top isn't cut. */
	if (scale.high < max * 1.03)
		scale.high = max * 1.03;
	return scale;
}

ChartScale
chart_log(double min, double max, ChartUnit unit)
{
	ChartScale scale = {.unit = unit, .log = true};

	if (!(min > 0))
		min = 1;
	if (!(max > min))
		max = min * 10;
	scale.low = pow(10, floor(log10(min)));
	scale.high = pow(10, ceil(log10(max)));
	if (scale.high <= scale.low)
		scale.high = scale.low * 10;
	scale.step = pow(10, ceil(log10(scale.high / scale.low) / 3));
	return scale;
}

double
chart_max(const double *values, size_t count, double so_far)
{
	for (size_t i = 0; i < count; i++)
	{
		if (!isnan(values[i]) && values[i] > so_far)
			so_far = values[i];
	}
	return so_far;
}

double
chart_min_positive(const double *values, size_t count, double so_far)
{
	for (size_t i = 0; i < count; i++)
	{
		if (values[i] > 0 && (isnan(so_far) || values[i] < so_far))
			so_far = values[i];
	}
	return so_far;
}

/* 0 at the bottom, 1 at the top. */
static double
height_of(const ChartScale *scale, double value)
{
	double height;

	if (scale->log)
		height = value > scale->low ? log(value / scale->low) / log(scale->high / scale->low) : 0;
	else
		height = (value - scale->low) / (scale->high - scale->low);
	return fmin(fmax(height, 0), 1);
}

static double
y_of(const ChartScale *scale, double value)
{
	return HEIGHT * (1 - height_of(scale, value));
}

static double
share_of(const ChartFrame *frame, double t)
{
	return fmin(fmax((t - frame->start) / (frame->end - frame->start), 0), 1);
}

static double
x_of(const ChartFrame *frame, double t)
{
	return WIDTH * share_of(frame, t);
}

static double
next_t(const ChartFrame *frame, size_t i)
{
	return i + 1 < frame->count ? frame->t[i + 1] : frame->end;
}

/* Where a value begins, and where it ends: the same for one that isn't a step. */
static double
x_begin(const ChartFrame *frame, size_t i)
{
	if (frame->points == POINTS_OF_SECONDS)
		return x_of(frame, (frame->t[i] + next_t(frame, i)) / 2);
	return x_of(frame, frame->t[i]);
}

static double
x_end(const ChartFrame *frame, size_t i)
{
	return frame->points == STEPS_OF_SECONDS ? x_of(frame, next_t(frame, i)) : x_begin(frame, i);
}

static const char *
tick_word(const ChartScale *scale, double value, char *text)
{
	if (value == 0)
		return "0";
	switch (scale->unit)
	{
		case UNIT_MS:
			if (value >= 1000)
				snprintf(text, WORD_SIZE, "%g\u202fs", value / 1000);
			else
				snprintf(text, WORD_SIZE, "%g\u202fms", value);
			return text;
		case UNIT_SECONDS:
			snprintf(text, WORD_SIZE, "%g\u202fs", value);
			return text;
		case UNIT_BYTES:
			return word_bytes(value, text);
		case UNIT_COUNT:
			break;
	}
	return word_count(value, text);
}

/* -------------------------------------------------------------------------
 * a plot
 * ------------------------------------------------------------------------- */

static double
tick_after(const ChartScale *scale, double tick)
{
	return scale->log ? tick * scale->step : tick + scale->step;
}

static void
write_ticks(Buffer *out, const ChartScale *scale)
{
	char word[WORD_SIZE];

	buffer_append_str(out, "<div class=\"ticks\" aria-hidden=\"true\">");
	for (double tick = scale->low; tick <= scale->high * (1 + 1e-9); tick = tick_after(scale, tick))
		buffer_printf(out, "<i style=\"bottom:%.1f%%\">%s</i>", 100 * height_of(scale, tick),
					  tick_word(scale, tick, word));
	buffer_append_str(out, "</div>");
}

static void
write_fault_areas(Buffer *out, const ChartFrame *frame)
{
	for (size_t i = 0; i < frame->fault_count; i++)
	{
		double from = x_of(frame, frame->faults[i].from);
		double until = x_of(frame, frame->faults[i].until);

		buffer_printf(out, "<rect class=\"fault\" x=\"%.1f\" width=\"%.1f\" height=\"100\"/>", from,
					  fmax(until - from, 2));
	}
}

static void
write_grid(Buffer *out, const ChartScale *scale)
{
	buffer_append_str(out, "<path class=\"grid\" d=\"");
	for (double tick = scale->low; tick <= scale->high * (1 + 1e-9); tick = tick_after(scale, tick))
		buffer_printf(out, "M0 %.1fH1000", y_of(scale, tick));
	buffer_append_str(out, "\"/>");
}

static void
write_row_head(Buffer *out, const char *label, const char *class)
{
	buffer_printf(out, "<div class=\"row\"><div class=\"label\"><span class=\"%s\">", class);
	html_text(out, label);
	buffer_append_str(out, "</span></div><div class=\"plot\">");
}

static void
open_svg(Buffer *out, const char *meaning)
{
	buffer_append_str(out,
					  "<svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" role=\"img\" "
					  "aria-label=\"");
	html_text(out, meaning);
	buffer_append_str(out, "\">");
}

void
chart_begin(Buffer *out, const ChartFrame *frame, const ChartScale *scale, const char *label,
			const char *class, const char *meaning)
{
	write_row_head(out, label, class);
	write_ticks(out, scale);
	open_svg(out, meaning);
	write_fault_areas(out, frame);
	write_grid(out, scale);
}

void
chart_end(Buffer *out)
{
	buffer_append_str(out, "</svg></div></div>\n");
}

void
chart_line(Buffer *out, const ChartFrame *frame, const ChartScale *scale, const double *values,
		   const char *class)
{
	bool drawing = false;

	buffer_printf(out, "<path class=\"line %s\" d=\"", class);
	for (size_t i = 0; i < frame->count; i++)
	{
		bool alone = !drawing && (i + 1 == frame->count || isnan(values[i + 1]));

		if (isnan(values[i]))
		{
			drawing = false;
			continue;
		}
		buffer_printf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', x_begin(frame, i),
					  y_of(scale, values[i]));
		/* A point between two gaps is a dot: a line of no length with round ends. */
		if (alone || frame->points == STEPS_OF_SECONDS)
			buffer_printf(out, "H%.1f", x_end(frame, i));
		drawing = true;
	}
	buffer_append_str(out, "\"/>");
}

static bool
both_seen(const double *from, const double *to, size_t i)
{
	return !isnan(to[i]) && (from == NULL || !isnan(from[i]));
}

/* Along the upper edge, and back along the lower one. */
static void
write_stretch(Buffer *out, const ChartFrame *frame, const ChartScale *scale, const double *from,
			  const double *to, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		buffer_printf(out, "%c%.1f %.1fH%.1f", i == first ? 'M' : 'L', x_begin(frame, i),
					  y_of(scale, to[i]), x_end(frame, i));
	if (from == NULL)
		buffer_printf(out, "V100H%.1f", x_begin(frame, first));
	else
	{
		for (size_t i = end; i > first; i--)
			buffer_printf(out, "L%.1f %.1fH%.1f", x_end(frame, i - 1), y_of(scale, from[i - 1]),
						  x_begin(frame, i - 1));
	}
	buffer_append_str(out, "Z");
}

void
chart_band(Buffer *out, const ChartFrame *frame, const ChartScale *scale, const double *from,
		   const double *to, const char *class)
{
	size_t first = 0;

	buffer_printf(out, "<path class=\"band %s\" d=\"", class);
	while (first < frame->count)
	{
		size_t end = first;

		while (end < frame->count && both_seen(from, to, end))
			end++;
		if (end > first)
			write_stretch(out, frame, scale, from, to, first, end);
		first = end + 1;
	}
	buffer_append_str(out, "\"/>");
}

/* -------------------------------------------------------------------------
 * what has words in it
 * ------------------------------------------------------------------------- */

/* Stretches of one state become one box. */
void
chart_states(Buffer *out, const ChartFrame *frame, const char *label, ChartState state_of,
			 void *arg)
{
	size_t first = 0;

	write_row_head(out, label, "plain");
	buffer_append_str(out, "<div class=\"states\">");
	while (first < frame->count)
	{
		const char *word = NULL;
		const char *class = state_of(first, &word, arg);
		size_t end = first + 1;
		double left = 100 * share_of(frame, frame->t[first]);
		double right;

		for (; end < frame->count; end++)
		{
			const char *other = NULL;
			const char *next = state_of(end, &other, arg);

			if ((next == NULL) != (class == NULL) || (next != NULL && strcmp(next, class) != 0))
				break;
		}
		right = end < frame->count ? 100 * share_of(frame, frame->t[end]) : 100;
		if (class != NULL)
			buffer_printf(out,
						  "<b class=\"%s\" style=\"left:%.2f%%;width:%.2f%%\" title=\"%s\">%s</b>",
						  class, left, right - left, word, word);
		first = end;
	}
	buffer_append_str(out, "</div></div></div>\n");
}

/* A name takes at least this share of the width. */
#define NAME_SHARE 0.2

/* Those that would touch get a line each; the number of lines. */
static size_t
choose_lines(const ChartFrame *frame, size_t *lines)
{
	double ends[CHART_FAULTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < frame->fault_count; i++)
	{
		double from = share_of(frame, frame->faults[i].from);
		double until = share_of(frame, frame->faults[i].until);
		size_t line = 0;

		while (line < count && ends[line] > from)
			line++;
		if (line == count)
			count++;
		ends[line] = fmax(until, from + NAME_SHARE);
		lines[i] = line;
	}
	return count;
}

void
chart_faults(Buffer *out, const ChartFrame *frame)
{
	size_t lines[CHART_FAULTS_MAX];
	size_t line_count = choose_lines(frame, lines);

	if (frame->fault_count == 0)
		return;
	write_row_head(out, "Faults", "plain");
	buffer_printf(out, "<div class=\"faults\" style=\"height:%.2frem\">",
				  1.5 * (double) line_count);
	for (size_t i = 0; i < frame->fault_count; i++)
	{
		const ChartFault *fault = &frame->faults[i];
		double left = 100 * share_of(frame, fault->from);
		double width = 100 * share_of(frame, fault->until) - left;

		buffer_printf(out, "<b style=\"left:%.2f%%;width:%.2f%%;top:%.2frem\"><span>", left,
					  fmax(width, 0.3), 1.5 * (double) lines[i]);
		html_text(out, fault->text);
		buffer_append_str(out, "</span></b>");
	}
	buffer_append_str(out, "</div></div></div>\n");
}

void
chart_seconds(Buffer *out, const ChartFrame *frame)
{
	double step = round_step((frame->end - frame->start) / X_TICKS);

	buffer_append_str(out, "<div class=\"row\" aria-hidden=\"true\"><div class=\"label\"></div>"
						   "<div class=\"plot\"><div class=\"xticks\">");
	for (double t = frame->start; t <= frame->end * (1 + 1e-9); t += step)
	{
		double share = share_of(frame, t);

		buffer_printf(out, "<i%s style=\"left:%.2f%%\">%g\u202fs</i>",
					  share > 0.97 ? " class=\"last\"" : "", 100 * share, t);
	}
	buffer_append_str(out, "</div></div></div>\n");
}
