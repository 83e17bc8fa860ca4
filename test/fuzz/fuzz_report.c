/*
 * fuzz_report.c
 *	  Any bytes as report.json, and what is rendered of it: a page, CSV, Markdown.
 */
#include "fuzz_file.h"

#include "exit_codes.h"
#include "report_csv.h"
#include "report_html.h"
#include "report_md.h"
#include "report_read.h"
#include "web.h"

#define RENDERED_MAX ((size_t) 64 << 20)
/* Text of a document that is nothing but text where it is shown. */
#define TAG "<fuzz"

/* In place of the program's files. */
ByteView
web_file(WebFile file)
{
	(void) file;
	return view_of("/**/");
}

void
web_append(Buffer *out, WebFile file)
{
	ByteView text = web_file(file);

	buffer_append(out, text.data, text.len);
}

static void
render(void (*renderer)(Buffer *out, const json_t *report), const json_t *report, bool html)
{
	Buffer out;

	buffer_init(&out, RENDERED_MAX);
	renderer(&out, report);
	FUZZ_ASSERT(out.failed || (out.len > 0 && view_is_utf8(buffer_view(&out))));
	FUZZ_ASSERT(!html || memmem(out.data, out.len, TAG, strlen(TAG)) == NULL);
	buffer_free(&out);
}

static void
use(const json_t *report)
{
	Tally tally;
	Cell cell;
	char text[CELL_TEXT_SIZE];

	report_tally(report, &tally);
	FUZZ_ASSERT(tally.cells_run <= tally.cells && tally.held <= tally.expected);
	report_cell_overall(report, "outbox", &cell);
	FUZZ_ASSERT((cell_outcome(&cell, text) == OUTCOME_NOT_RUN) == (cell.runs == 0));
	FUZZ_ASSERT(text[0] != '\0');
	(void) cell_missed_percent(&cell);
	render(report_html, report, true);
	render(report_csv, report, false);
	render(report_md, report, false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzFile file = fuzz_file(data, size);
	json_t *report;
	Error error;

	error_clear(&error);
	report = report_load(file.path, &error);
	if (report != NULL)
		use(report);
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_CONFIG);
	json_decref(report);
	close(file.fd);
	return 0;
}
