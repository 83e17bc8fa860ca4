/*
 * progress.c
 *	  One line, never longer than the terminal is wide.
 */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TERMINAL_USEC (250 * USEC_PER_MS)
#define PLAIN_USEC (5 * USEC_PER_SEC)
#define LINE_LIMIT 256

void
progress_init(Progress *progress, const CompareConfig *config, MonoUsec start, FILE *out)
{
	*progress = (Progress){.out = out,
						   .terminal = isatty(fileno(out)) == 1,
						   .config = config,
						   .start = start,
						   .phase = PHASE_CALM,
						   .breaker = UNSEEN};
}

static void
append_mode(Buffer *line, const Load *load, Mode mode)
{
	const LoadCounters *counters = load_counters(load, mode);

	buffer_printf(line, "%s %llu offered %llu accepted %llu rejected  ", mode_name(mode),
				  (unsigned long long) counters->offered, (unsigned long long) counters->accepted,
				  (unsigned long long) (counters->rejected + counters->unknown));
}

static void
write_line(Progress *progress, const Load *load, const Sample *sample, MonoUsec now, Buffer *line)
{
	buffer_printf(line, "%5.1f s %-8s  ", (double) (now - progress->start) / USEC_PER_SEC,
				  phase_name(sample->phase));
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (progress->config->modes[mode])
			append_mode(line, load, (Mode) mode);
	}
	if (progress->config->modes[MODE_OUTBOX])
	{
		buffer_printf(line, "breaker %s  lag ", breaker_name(sample->breaker));
		if (sample->lag == UNSEEN)
			buffer_append_str(line, "?");
		else
			buffer_printf(line, "%lld", (long long) sample->lag);
	}
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
