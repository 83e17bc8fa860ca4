/*
 * report_render.c
 *	  The three files beside report.json.
 */
#include "report_render.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "files.h"
#include "report_csv.h"
#include "report_html.h"
#include "report_md.h"

#define FILE_LIMIT ((size_t) 1024 * 1024 * 1024)
#define JSON_SUFFIX ".json"

typedef void (*Renderer)(Buffer *out, const json_t *report);

/* The document's name without its directory and ".json". */
static void
name_of(const char *json, char *name, size_t size)
{
	const char *slash = strrchr(json, '/');
	size_t len;

	snprintf(name, size, "%s", slash != NULL ? slash + 1 : json);
	len = strlen(name);
	if (len > strlen(JSON_SUFFIX) && strcmp(name + len - strlen(JSON_SUFFIX), JSON_SUFFIX) == 0)
		name[len - strlen(JSON_SUFFIX)] = '\0';
}

static bool
put_file(const char *path, const Buffer *text, Error *error)
{
	Draft draft;

	return draft_open(&draft, path, error) &&
		   draft_finish(&draft, fwrite(text->data, 1, text->len, draft.file) == text->len, error);
}

static bool
render(const json_t *report, Renderer renderer, const char *path, Error *error)
{
	Buffer text;
	bool done;

	buffer_init(&text, FILE_LIMIT);
	renderer(&text, report);
	done = text.failed ? error_bug(error, "the report is too large for \"%s\"", path)
					   : put_file(path, &text, error);
	buffer_free(&text);
	return done;
}

static bool
render_all(const json_t *report, const char *base, char *page, size_t page_size, Error *error)
{
	char path[PATH_MAX];

	snprintf(page, page_size, "%.4000s.html", base);
	snprintf(path, sizeof(path), "%.4000s.csv", base);
	if (!render(report, report_csv, path, error))
		return false;
	snprintf(path, sizeof(path), "%.4000s.md", base);
	return render(report, report_md, path, error) && render(report, report_html, page, error);
}

bool
report_render(const char *json, const char *directory, char *page, size_t page_size, Error *error)
{
	char own[PATH_MAX];
	char name[NAME_MAX + 1];
	char base[PATH_MAX + NAME_MAX + 2];
	json_t *report;
	bool done;

	path_directory(json, own, sizeof(own));
	name_of(json, name, sizeof(name));
	if (directory == NULL)
		directory = own;
	report = report_load(json, error);
	if (report == NULL)
		return false;
	snprintf(base, sizeof(base), "%.3800s/%.190s", directory, name);
	done = directory_make(directory, error) && render_all(report, base, page, page_size, error);
	json_decref(report);
	return done;
}
