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
	char names[MODE_LIST_SIZE];

	*progress = (Progress){.out = out,
						   .terminal = isatty(fileno(out)) == 1,
						   .config = config,
						   .start = start,
						   .phase = PHASE_CALM,
						   .breaker = UNSEEN};
	mode_format_list(config->modes, names, sizeof(names));
	if (strchr(names, ',') != NULL)
		fprintf(out, "accepted and rejected: %s\n", names);
}

/* One number for each mode, in their order. */
static void
append_numbers(Buffer *line, const CompareConfig *config, const char *label,
			   const uint64_t *numbers)
{
	const char *separator = " ";

	buffer_append_str(line, label);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (!config->modes[mode])
			continue;
		buffer_printf(line, "%s%llu", separator, (unsigned long long) numbers[mode]);
		separator = "|";
	}
	buffer_append_str(line, " ");
}

static void
write_line(Progress *progress, const Load *load, const Sample *sample, MonoUsec now, Buffer *line)
{
	const CompareConfig *config = progress->config;
	uint64_t accepted[MODE_COUNT];
	uint64_t rejected[MODE_COUNT];
	uint64_t offered = 0;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LoadCounters *counters = load_counters(load, (Mode) mode);

		accepted[mode] = counters->accepted;
		rejected[mode] = counters->rejected + counters->unknown;
		if (config->modes[mode])
			offered = counters->offered;
	}
	/* What matters most comes first: a narrow terminal cuts the end. */
	buffer_printf(line, "%5.1fs %-8s ", (double) (now - progress->start) / USEC_PER_SEC,
				  phase_name(sample->phase));
	if (mode_any(config->modes, mode_consumed))
	{
		buffer_printf(line, "breaker %-9s lag ", breaker_name(sample->breaker));
		if (sample->lag == UNSEEN)
			buffer_append_str(line, "- ");
		else
			buffer_printf(line, "%lld ", (long long) sample->lag);
	}
	buffer_printf(line, "offered %llu ", (unsigned long long) offered);
	append_numbers(line, config, "accepted", accepted);
	append_numbers(line, config, "rejected", rejected);
	while (line->len > 0 && line->data[line->len - 1] == ' ')
		line->data[--line->len] = '\0';
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
