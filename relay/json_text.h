/*
 * json_text.h
 *	  Text of others as a JSON string.
 *
 * What a server says before the encoding is agreed on may be no UTF-8, and what was cut off may
 * end within a character: such bytes are replaced, for jansson takes nothing that has them.
 */
#ifndef OUTBOX_RELAY_JSON_TEXT_H
#define OUTBOX_RELAY_JSON_TEXT_H

#include <jansson.h>

/* null without memory, and for more than JSON_TEXT_MAX bytes. */
#define JSON_TEXT_MAX 16384
extern json_t *json_text(const char *text);

#endif
