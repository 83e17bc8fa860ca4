/*
 * report_words.h
 *	  Numbers as people read them, and text that can't be anything but text.  Pure.
 *
 * NAN is an en dash everywhere: there is no number.
 */
#ifndef OUTBOX_COMPARE_REPORT_WORDS_H
#define OUTBOX_COMPARE_REPORT_WORDS_H

#include "buffer.h"

#define WORD_SIZE 48

/* Each fills "text" (WORD_SIZE bytes) and returns it. */
extern const char *word_count(double count,
							  char *text); /* 12 345, with narrow spaces from 10 000 on */
extern const char *word_percent(double percent, char *text); /* 100 %, 99.9 %; never 100 for less */
extern const char *word_ms(double ms, char *text);			 /* 0.32 ms, 3.2 ms, 142 ms, 12.3 s */
extern const char *word_seconds(double seconds, char *text); /* 0.4 s, 18 s */
extern const char *word_bytes(double bytes, char *text);	 /* 512 B, 1.4 MB: decimal */
extern const char *word_plain(double number,
							  char *text); /* as the JSON has it, for programs; "" for NAN */

/* Escaped for HTML, inside and outside of attributes with double quotes. */
extern void html_text(Buffer *out, const char *text);

/* <td>text</td>, escaped. */
extern void html_cell(Buffer *out, const char *text);

#endif
