/*
 * consumer_letter_topic.c
 *	  letters.h for the simulation: the topic for dead letters.
 *
 * A letter is stored when its answer says so, and maybe when no answer comes.
 */
#include "consumer_world.h"

#include "raw_headers.h"

#include <string.h>

static Member *
member_of(const LetterSink *sink)
{
	return (Member *) ((uintptr_t) sink - offsetof(Member, letters));
}

static bool
send(LetterSink *sink, const Letter *letter, LetterReport *report)
{
	Member *member = member_of(sink);
	uint64_t dice = sim_below(100);

	(void) report;
	SIM_CHECK(letter->value.len == 2, "C3: a letter without its value");
	member->letter_sent = true;
	member->letter_at = sim.now + some_delay();
	member->letter_outcome = LETTER_STORED;
	if (land->loss > 0 && dice < 15)
		member->letter_outcome = dice < 8	 ? LETTER_FAILED
								 : dice < 12 ? LETTER_TOO_LARGE
											 : LETTER_REFUSED;
	/* Which record it is: that of the letter that is under way. */
	for (int i = 0; i < member->session_count; i++)
	{
		const ConsumerLetter *own = &member->consumer->lanes[i].letter;

		if (own->phase != LETTER_SENT)
			continue;
		member->letter_partition = own->row.partition;
		member->letter_record = find_record(own->row.partition, own->row.offset);
	}
	return true;
}

static LetterOutcome
step(LetterSink *sink, LetterReport *report)
{
	Member *member = member_of(sink);

	memset(report, 0, sizeof(*report));
	if (!member->letter_sent || sim.now < member->letter_at)
		return LETTER_PENDING;
	member->letter_sent = false;
	report->outcome = member->letter_outcome;
	if (report->outcome == LETTER_STORED)
		land->logs[member->letter_partition].stored[member->letter_record] = true;
	else
		error_transient(&report->error, "not today");
	return report->outcome;
}

static const char *
topic(const LetterSink *sink)
{
	(void) sink;
	return "dead";
}

static const LetterSinkClass letters_class = {.send = send, .step = step, .topic = topic};

void
letters_init(Member *member)
{
	member->letters.methods = &letters_class;
	member->letter_sent = false;
}
