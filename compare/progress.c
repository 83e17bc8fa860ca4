/*
 * progress.c
 *	  One line, never longer than the terminal is wide.
 */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buffer.h"

#define TERMINAL_USEC (250 * USEC_PER_MS)
#define PLAIN_USEC (5 * USEC_PER_SEC)
#define LINE_LIMIT 256

void
progress_init(Progress *progress, const bool *modes, MonoUsec start, FILE *out)
{
	*progress = (Progress){.out = out,
						   .terminal = isatty(fileno(out)) == 1,
						   .modes = modes,
						   .start = start,
						   .phase = PHASE_CALM,
						   .breaker = UNSEEN};
}

/* How many per cent of those that were offered so far: one number for each path, in their order. */
static void
append_shares(Buffer *line, const Progress *progress, const Load *load)
{
	const char *separator = " ";

	buffer_append_str(line, "accepted");
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LoadCounters *counters = load_counters(load, (Mode) mode);
		uint64_t offered = counters->offered;

		if (!progress->modes[mode])
			continue;
		buffer_printf(line, "%s%.0f%%", separator,
					  offered > 0 ? 100 * (double) counters->accepted / (double) offered : 100);
		separator = "|";
	}
}

static void
write_line(Progress *progress, const Load *load, const Sample *sample, MonoUsec now, Buffer *line)
{
	/* What matters most comes first: a narrow terminal cuts the end. */
	buffer_printf(line, "%5.1fs %-8s ", (double) (now - progress->start) / USEC_PER_SEC,
				  phase_name(sample->phase));
	if (mode_any(progress->modes, mode_consumed))
	{
		buffer_printf(line, "breaker %-9s lag ",
					  sample->breaker == UNSEEN ? "-" : breaker_name(sample->breaker));
		if (sample->lag == UNSEEN)
			buffer_append_str(line, "- ");
		else
			buffer_printf(line, "%lld ", (long long) sample->lag);
	}
	append_shares(line, progress, load);
}

static int
terminal_width(const Progress *progress)
{
	struct winsize size;

	if (ioctl(fileno(progress->out), TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

void
progress_show(Progress *progress, const Load *load, const Sample *sample, MonoUsec now)
{
	bool news = sample->phase != progress->phase ||
				(sample->breaker != progress->breaker && sample->breaker != UNSEEN);
	Buffer line;

	if (now < progress->next_at && !news)
		return;
	progress->next_at = now + (progress->terminal ? TERMINAL_USEC : PLAIN_USEC);
	progress->phase = sample->phase;
	if (sample->breaker != UNSEEN)
		progress->breaker = sample->breaker;
	buffer_init(&line, LINE_LIMIT);
	write_line(progress, load, sample, now, &line);
	if (progress->terminal)
		fprintf(progress->out, "\r\033[K%.*s", terminal_width(progress) - 1, line.data);
	else
		fprintf(progress->out, "%s\n", line.data);
	progress->open = progress->terminal;
	fflush(progress->out);
	buffer_free(&line);
}

void
progress_end(Progress *progress)
{
	if (progress->open)
		fputc('\n', progress->out);
	progress->open = false;
}
