/*
 * report_render.h
 *	  report.json made into what people read: an HTML page, CSV, Markdown.
 */
#ifndef OUTBOX_COMPARE_REPORT_RENDER_H
#define OUTBOX_COMPARE_REPORT_RENDER_H

#include <stddef.h>

#include "error.h"

/*
 * Writes NAME.html, NAME.csv and NAME.md into the directory, which is made, for NAME.json;
 * into that of the document when directory is NULL.  Nobody ever reads half of a file.
 * page gets the path of the HTML file.
 */
extern MUST_CHECK bool report_render(const char *json, const char *directory, char *page,
									 size_t page_size, Error *error);

#endif
