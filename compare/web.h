/*
 * web.h
 *	  The files of web/, which are part of the program.
 */
#ifndef OUTBOX_COMPARE_WEB_H
#define OUTBOX_COMPARE_WEB_H

#include "buffer.h"

typedef enum WebFile
{
	WEB_BASE_CSS,	/* colours and letters, of both pages */
	WEB_REPORT_CSS, /* the report's */
	WEB_REPORT_JS,
	WEB_LIVE_HTML, /* the live page's */
	WEB_LIVE_CSS,
	WEB_LIVE_JS
} WebFile;

extern ByteView web_file(WebFile file);
extern void web_append(Buffer *out, WebFile file);

#endif
