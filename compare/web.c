/*
 * web.c
 *	  The files of web/.  The Makefile makes string literals of them.
 */
#include "web.h"

static const char base_css[] =
#include "web_base_css.h"
	;
static const char report_css[] =
#include "web_report_css.h"
	;
static const char report_js[] =
#include "web_report_js.h"
	;
static const char live_html[] =
#include "web_live_html.h"
	;
static const char live_css[] =
#include "web_live_css.h"
	;
static const char live_js[] =
#include "web_live_js.h"
	;

#define BYTES(text) ((ByteView){(const uint8_t *) (text), sizeof(text) - 1})

ByteView
web_file(WebFile file)
{
	switch (file)
	{
		case WEB_BASE_CSS:
			return BYTES(base_css);
		case WEB_REPORT_CSS:
			return BYTES(report_css);
		case WEB_REPORT_JS:
			return BYTES(report_js);
		case WEB_LIVE_HTML:
			return BYTES(live_html);
		case WEB_LIVE_CSS:
			return BYTES(live_css);
		case WEB_LIVE_JS:
			break;
	}
	return BYTES(live_js);
}

void
web_append(Buffer *out, WebFile file)
{
	ByteView bytes = web_file(file);

	buffer_append(out, bytes.data, bytes.len);
}
