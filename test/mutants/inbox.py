"""The rules by which the consumer knows repetitions by id, and passes over what can't be applied; the form is that of positions.py."""
MUTANTS = []
RULES = {
    "judged": "an event goes by its position, by its id or by nothing, as its topic and its headers say",
    "ids": "what is applied is recorded, what isn't is not",
    "letters": "a dead letter has a place before anything behind it is applied, and its row moves with the progress",
    "topics": "which handlers a topic has is one rule for names and regular expressions, and nothing is subscribed twice",
    "gone": "a topic that was made again is noticed, and one whose last applied record is gone is read on",
    "policy": "an event becomes a dead letter only where its handler wants it, and the event alone is to blame",
}

JUDGE = "test_consumer_judge"
IDS = "test_pg_ids"
LETTERS = "test_consumer_letters"
TOPICS = "test_handler_topics"
GONE = "test_consumer_gone"


def mutant(name, rule, file, old, new, unit, quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=f"consumer/{file}", old=old, new=new, unit=unit, e2e=None, quick=quick))


# -- ids ------------------------------------------------------------------------

mutant("judged-flagged-by-position", "judged", "consumer_read.c", "bool flagged = record_header(record, ENVELOPE_HEADER_REPLAYED) != NULL;",
       "bool flagged = false;", f"{JUDGE}:by_position", quick=True)
mutant("judged-flagged-without-its-time", "judged", "consumer_read.c", "record_header_value(record, ENVELOPE_HEADER_CREATED_AT)",
       "record_header_value(record, \"no such\")", f"{JUDGE}:by_position")
mutant("judged-position-where-ids-count", "judged", "consumer_read.c", "dedupe == DEDUPE_POSITION, to))", "true, to))", f"{JUDGE}:by_id")
mutant("judged-nothing-by-id", "judged", "consumer_read.c", "\t\tcase DEDUPE_NONE:\n\t\t\treturn true;",
       "\t\tcase DEDUPE_NONE:\n\t\t\tto->by_id = to->id[0] != '\\0';\n\t\t\treturn true;", f"{JUDGE}:by_nothing")
mutant("judged-without-an-id", "judged", "consumer_read.c", "if (to->by_id || (dedupe == DEDUPE_POSITION && !flagged))", "if (to->id[0] != 1)",
       f"{JUDGE}:what_cannot_be_judged")
mutant("judged-nobody-stops", "judged", "consumer_read.c", "if (handlers_policy(consumer->handlers, to->topic, -1) == HANDLER_STOP)\n\t{\n\t\tstop_at(",
       "if (false)\n\t{\n\t\tstop_at(", f"{JUDGE}:what_cannot_be_judged")
mutant("judged-with-the-batch", "judged", "consumer_letters.c", "while (before < count && !is_put_aside(&records[before]))", "while (before < count)",
       f"{JUDGE}:what_cannot_be_judged_is_put_aside")
mutant("ids-of-repetitions", "ids", "batch.h", "return !record->repeated && !record->known", "return !record->known",
       f"{IDS}:ids_applied_by_position_are_recorded")
mutant("ids-known-and-handled", "ids", "batch.h", "return !record->repeated && !record->known && ", "return !record->repeated && ",
       f"{IDS}:handlers_get_what_is_not_known")
mutant("ids-of-dead-letters", "ids", "batch.h", "return record->by_id && !record->dropped && !record->dead;",
       "return record->by_id && !record->dropped;", f"{IDS}:what_is_judged", quick=True)
mutant("ids-of-lost-partitions", "ids", "batch.h", "return record->by_id && !record->dropped && !record->dead;",
       "return record->by_id && !record->dead;", f"{IDS}:what_is_judged")
mutant("ids-in-two-spellings", "ids", "pg_encode_ids.c", "\tif (record->has_uuid)\n\t{\n\t\tuuid_format", "\tif (false)\n\t{\n\t\tuuid_format",
       f"{IDS}:what_is_judged")
mutant("ids-lowest-is-the-first", "ids", "pg_encode_ids.c", "if (lowest == NULL || memcmp(uuid, lowest, UUID_SIZE) < 0)", "if (lowest == NULL)",
       f"{IDS}:ids_applied_by_position_are_recorded")
mutant("ids-never-rotated", "ids", "consumer_lane.c", "\treturn rotates;", "\treturn rotates && false;",
       f"{JUDGE}:by_position")

# -- dead letters ---------------------------------------------------------------

mutant("letter-passed-at-once", "letters", "consumer_letters.c",
       "return lane->letter.phase == LETTER_TO_SEND || lane->letter.phase == LETTER_SENT;", "return lane->letter.phase == LETTER_SENT;",
       f"{LETTERS}:what_may_pass_is_tried_again")
mutant("letter-not-awaited", "letters", "consumer_letters.c", "\t\tcase LETTER_PENDING:\n\t\t\treturn;\n",
       "\t\tcase LETTER_PENDING:\n\t\t\tplace(lane, record);\n\t\t\treturn;\n", f"{LETTERS}:nothing_behind_it_passes_before_it_has_a_place",
       quick=True)
mutant("letter-without-a-row", "letters", "consumer_apply.c", "apply.letter = consumer_letter_row(lane);", "apply.letter = NULL;",
       f"{LETTERS}:the_others_are_applied_in_order")
mutant("letter-given-up", "letters", "consumer_letters.c", "\t\tcase LETTER_REFUSED:\n\t\t\tkeep(lane, record, report->error.message);",
       "\t\tcase LETTER_REFUSED:\n\t\t\tplace(lane, record);", f"{LETTERS}:what_the_topic_refuses_is_in_the_row")
mutant("letter-never-shortened", "letters", "consumer_letters.c", "if (++letter->form == DEAD_LETTER_FORMS)",
       "if ((letter->form = DEAD_LETTER_FORMS) == DEAD_LETTER_FORMS)", f"{LETTERS}:too_large_is_first_shortened")
mutant("letter-sent-twice", "letters", "consumer_letters.c", "\tif (record->dead ||\n", "\tif (\n", f"{LETTERS}:a_row_that_is_refused_stops")
mutant("letter-of-another-record", "letters", "consumer_letters.c",
       "if (record->dropped || record->slot != letter->slot || record->offset != letter->offset)", "if (record->slot != letter->slot)",
       f"{LETTERS}:a_partition_that_goes_takes_its_letter_along")
mutant("policy-nobody-stops", "policy", "handlers.c", "return handlers->items[handler].on_error;", "return HANDLER_DEAD_LETTER;",
       f"{LETTERS}:a_handler_may_stop", quick=True)
mutant("policy-of-the-first", "policy", "handlers.c", "handlers->items[i].on_error == HANDLER_STOP)\n\t\t\treturn HANDLER_STOP;",
       "handlers->items[i].on_error == HANDLER_STOP)\n\t\t\tbreak;", "test_handlers:policies_are_each_handlers_own")
mutant("policy-batch-to-blame", "policy", "consumer_apply.c", "if (!sizer_data_error(&lane->sizer, lane->request_count))", "if (false)",
       f"{LETTERS}:the_others_are_applied_in_order")
mutant("policy-foreign-key-at-once", "policy", "consumer_apply.c", "wanted |= handler->retries_foreign_key;", "wanted |= false;",
       f"{LETTERS}:a_missing_row_is_waited_for")
mutant("policy-what-cannot-be-judged", "policy", "consumer_apply.c", "return failure->handler < 0 && strncmp(", "return false && strncmp(",
       f"{LETTERS}:what_cannot_be_judged_stops")
mutant("policy-codes-of-ours-by-handlers", "policy", "consumer_apply.c", "return failure->handler < 0 && strncmp(", "return strncmp(",
       f"{LETTERS}:codes_of_ours_that_a_handler_raises")
mutant("ids-after-a-first-dead-letter", "ids", "pg_encode_ids.c", "params->picked_count > 0 || takes_a_letter(apply, handlers, topic)", "params->picked_count > 0",
       f"{IDS}:a_dead_letter_opens_its_topic")

# -- topics -----------------------------------------------------------------------

mutant("topics-hidden-and-read", "topics", "handler_topics.c", "return !topic_is_hidden(topic, handlers->letter_topic) && topic_match(",
       "return topic_match(", f"{TOPICS}:hidden_topics_match_nothing", quick=True)
mutant("topics-subscribed-twice", "topics", "handler_topics.c", "if (!is_matched(handlers, topic) &&", "if (",
       f"{TOPICS}:what_is_subscribed")
mutant("topics-that-disagree", "topics", "handler_topics.c", "!merge(name, &handlers->items[i], &rules, error))", "false)",
       f"{TOPICS}:rules_meet_with_the_topic")
mutant("topics-with-back-references", "topics", "topic_match.c", "if (has_back_reference(expression))", "if (false)",
       f"{TOPICS}:expressions_that_are_refused")
mutant("gone-and-believed", "gone", "consumer_read.c", "\t\tpartition->look_back = true;\n\t\tpartition->rewind = true;\n\t\treturn false;",
       "\t\treturn true;", f"{GONE}:what_comes_before_it_is_new", quick=True)
mutant("gone-whatever-the-position", "gone", "consumer_read.c", "(!is_above_what_was_applied(partition, record) &&", "(true &&",
       f"{GONE}:what_comes_before_it_has_a_higher_position")
mutant("gone-and-read-from-the-beginning", "gone", "consumer_read.c", "\t\tpartition->rewind = true;\n\t\treturn;\n\t}\n\tstop_at_another(",
       "\t\treturn;\n\t}\n\tstop_at_another(", f"{GONE}:what_comes_before_it_is_old")
mutant("gone-by-clocks-that-differ", "gone", "partitions.c", "timestamp_ms - latest <= CLOCKS_OFF_MS", "false",
       "test_partitions:a_record_that_was_there_before_another")
