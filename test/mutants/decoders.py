"""What comes from outside is read to its end and no further, and what isn't understood is refused; the form is that of
positions.py."""
MUTANTS = []
RULES = {
    "bounds": "nothing is read behind the end of what came, however long it says it is",
    "whole": "what was read has to be all that came, and to be what its grammar says",
    "written": "what we write for others to read is in their format to the byte",
    "places": "an error of the server is found in the operator's own text",
    "pace-of-trials": "whoever tries again waits longer each time, up to a limit, and no two wait alike",
}


def mutant(name, rule, file, old, new, unit, quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=file, old=old, new=new, unit=unit, e2e=None, quick=quick))


# -- bounds -------------------------------------------------------------------

mutant("reader-bounds-wrap", "bounds", "common/reader.h", "len > reader->size - reader->pos", "reader->pos + len > reader->size",
       "test_reader:huge_lengths_do_not_wrap", quick=True)
mutant("reader-goes-on", "bounds", "common/reader.h", "if (reader->failed || len >", "if (len >", "test_reader:a_failure_sticks")
mutant("text-without-an-end-is-text", "bounds", "consumer/sql_scan.c",
       "\t\t\tscan->pos++;\n\t\t}\n\t}\n\treturn false;\n}", "\t\t\tscan->pos++;\n\t\t}\n\t}\n\treturn true;\n}",
       "test_sql_scan:text_without_an_end")

# -- whole --------------------------------------------------------------------

mutant("keepalive-with-more", "whole", "relay/walframe.c",
       "if (!reader_done(reader))\n\t\treturn error_bug(error, \"invalid replication frame: keepalive",
       "if (reader->failed)\n\t\treturn error_bug(error, \"invalid replication frame: keepalive",
       "test_walframe:refuses_what_it_does_not_know")
mutant("lsn-of-nine-digits", "whole", "common/lsn.c", "len > 8", "len > 9", "test_lsn:refuses")
mutant("position-with-zeros", "whole", "common/position.c", " || (len > 1 && text[0] == '0')", "", "test_position:refuses")
mutant("position-of-generation-0", "whole", "common/position.c",
       "!parse_decimal(part, part_len, UINT32_MAX, &number) || number == 0)\n\t\treturn false;\n\tresult.generation",
       "!parse_decimal(part, part_len, UINT32_MAX, &number))\n\t\treturn false;\n\tresult.generation", "test_position:refuses")
mutant("history-that-goes-back", "whole", "relay/timeline.c",
       "if (entry.timeline <= before->timeline || entry.end_lsn < before->end_lsn)", "if (entry.timeline <= before->timeline)",
       "test_timeline:refuses_what_is_no_history")
mutant("headers-with-more-behind", "whole", "relay/flat_json.c", "json->problem == NULL && json->pos != json->size", "false",
       "test_flat_json:refuses_everything_else")
mutant("headers-with-half-a-character", "whole", "relay/flat_json.c",
       "!accept(json, '\\\\') || !accept(json, 'u') || !read_hex4(json, &low) || low < 0xDC00 ||\n\t\t\tlow > 0xDFFF",
       "!accept(json, '\\\\') || !accept(json, 'u') || !read_hex4(json, &low)",
       "test_flat_json:refuses_everything_else")
mutant("time-of-no-day", "whole", "relay/event_time.c", "day > month_days(year, month)", "day > 31",
       "test_event_time:refuses_what_is_no_time", quick=True)
mutant("expression-of-a-part", "whole", "relay/topic_regex.c", "\"^(\"", "\"(\"", "test_topic_regex:matches_the_whole_value")
mutant("comments-are-not-nested", "whole", "consumer/sql_scan.c", "depth++;", "", "test_sql_scan:comments_are_nothing")
mutant("backslashes-of-plain-strings", "whole", "consumer/sql_scan.c",
       "return skip_quoted(scan, '\\'', false) ? SQL_STRING : SQL_BAD;\n\tif (c == '\"')",
       "return skip_quoted(scan, '\\'', true) ? SQL_STRING : SQL_BAD;\n\tif (c == '\"')", "test_sql_scan:strings_hide_what_is_in_them")

# -- what others read ---------------------------------------------------------

mutant("array-hides-its-nulls", "written", "consumer/pg_arrays.c", "array->start + 4, array->nulls > 0", "array->start + 4, 0",
       "test_pg_arrays:bytes_of_an_array")
mutant("array-of-nothing-has-a-dimension", "written", "consumer/pg_arrays.c", "if (array->count == 0)", "if (false)",
       "test_pg_arrays:an_empty_array_has_no_dimension")
mutant("jsonb-without-its-version", "written", "consumer/pg_arrays.c", "buffer_append_u8(array->out, JSONB_VERSION);",
       "buffer_append_u8(array->out, 0);", "test_pg_arrays:elements")
mutant("status-of-what-is-not-flushed", "written", "relay/walframe.c",
       "out = put_u64(out, written);\n\tout = put_u64(out, flushed);", "out = put_u64(out, written);\n\tout = put_u64(out, written);",
       "test_walframe:builds_status", quick=True)

# -- places -------------------------------------------------------------------

mutant("places-count-bytes", "places", "consumer/handler_sql.c",
       "while (((unsigned char) handler->sql[byte] & 0xC0) == 0x80)\n\t\t\tbyte++;", "", "test_handlers:errors_are_located")
mutant("places-in-our-own-part", "places", "consumer/handler_sql.c", "sql_char == 0 || byte < handler->sql_prefix", "sql_char == 0",
       "test_handlers:errors_are_located")

# -- trials -------------------------------------------------------------------

mutant("trials-never-slow-down", "pace-of-trials", "common/backoff.c", "backoff->attempts++;", ";",
       "test_backoff:delays_stay_in_their_range")
mutant("trials-without-limit", "pace-of-trials", "common/backoff.c", "backoff->attempts >= 62 || base > (cap >> backoff->attempts)",
       "backoff->attempts >= 62", "test_backoff:delays_stay_in_their_range")
mutant("trials-all-alike", "pace-of-trials", "common/backoff.c", "(int64_t) random_below(random, (uint64_t) span + 1)", "span",
       "test_backoff:jitter_is_full")
