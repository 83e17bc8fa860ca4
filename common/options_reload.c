/*
 * options_reload.c
 *	  New values for options that are in use.
 *
 * Refuses a change of what only a restart can change, and names each.
 *
 * Invariants: a text that didn't change stays where it is, so that whoever borrowed it goes on
 * with it; nothing is taken before everything was checked.
 */
#include "options_intern.h"

#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const OptionValue *
find_item(const OptionList *list, const OptionValue *item)
{
	for (size_t i = 0; i < list->count; i++)
	{
		if (same_text(list->items[i].name, item->name) &&
			same_text(list->items[i].section, item->section))
			return &list->items[i];
	}
	return NULL;
}

/* Calls back for items of b that a lacks or has with another value. */
static void
each_new_item(const OptionTable *table, const OptionList *a, const OptionList *b, bool only_missing,
			  bool reloadable, OptionChangeVisitor visit, void *arg)
{
	for (size_t i = 0; i < b->count; i++)
	{
		const OptionValue *item = &b->items[i];
		const OptionValue *other = find_item(a, item);
		char name[2 * OPTION_NAME_MAX];

		if (other != NULL && (only_missing || same_text(other->text, item->text)))
			continue;
		if (item->section != NULL)
			snprintf(name, sizeof(name), "[%s %s] %s", table->section_kind, item->section,
					 item->name);
		else
			snprintf(name, sizeof(name), "%s%s", table->passthrough, item->name);
		visit(name, only_missing ? "no longer set" : item->origin, reloadable, arg);
	}
}

void
options_each_change(const Options *current, const Options *fresh, OptionChangeVisitor visit,
					void *arg)
{
	const OptionTable *table = current->table;

	for (size_t i = 0; table->specs[i].name != NULL; i++)
	{
		if (!same_text(current->values[i].text, fresh->values[i].text))
			visit(table->specs[i].name, fresh->values[i].origin,
				  (table->specs[i].flags & OPTION_RELOADABLE) != 0, arg);
	}
	each_new_item(table, &current->passthrough, &fresh->passthrough, false,
				  table->passthrough_reloadable, visit, arg);
	each_new_item(table, &fresh->passthrough, &current->passthrough, true,
				  table->passthrough_reloadable, visit, arg);
	each_new_item(table, &current->sections, &fresh->sections, false, false, visit, arg);
	each_new_item(table, &fresh->sections, &current->sections, true, false, visit, arg);
}

typedef struct Refusals
{
	Buffer names;
	Buffer places;
} Refusals;

static void
note_refusal(const char *name, const char *origin, bool reloadable, void *arg)
{
	Refusals *refusals = arg;

	if (reloadable)
		return;
	buffer_printf(&refusals->names, "%s\"%s\"", refusals->names.len > 0 ? ", " : "", name);
	buffer_printf(&refusals->places, "%s\"%s\": %s", refusals->places.len > 0 ? "; " : "", name,
				  origin);
}

bool
options_check_reload(const Options *current, const Options *fresh, Error *error)
{
	Refusals refusals;
	bool ok;

	buffer_init(&refusals.names, 400);
	buffer_init(&refusals.places, 400);
	options_each_change(current, fresh, note_refusal, &refusals);
	ok = refusals.names.len == 0;
	if (!ok)
	{
		error_permanent(error, EXIT_CONFIG, "only a restart can change %s", refusals.names.data);
		error_detail(error, "The new values are of %s.", refusals.places.data);
	}
	buffer_free(&refusals.names);
	buffer_free(&refusals.places);
	return ok;
}

static void
swap_values(OptionValue *a, OptionValue *b)
{
	OptionValue value = *a;

	*a = *b;
	*b = value;
}

static void
swap_lists(OptionList *a, OptionList *b)
{
	OptionList list = *a;

	*a = *b;
	*b = list;
}

void
options_adopt(Options *current, Options *fresh)
{
	for (size_t i = 0; current->table->specs[i].name != NULL; i++)
	{
		OptionValue *mine = &current->values[i];
		OptionValue *other = &fresh->values[i];
		bool same = same_text(mine->text, other->text);

		swap_values(mine, other);
		if (same)
		{
			char *text = mine->text;

			mine->text = other->text;
			other->text = text;
		}
	}
	swap_lists(&current->passthrough, &fresh->passthrough);
	/* Keys of sections didn't change: their texts may be borrowed. */
}
