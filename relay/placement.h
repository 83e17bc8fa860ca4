/*
 * placement.h
 *	  Where further fields of an event go: table.fields.additional.placement.
 *	  Private to the router.  Pure.
 *
 *		placement = item *( "," item )
 *		item	  = field ":" ( "header" / "envelope" / "partition" ) [ ":" alias ]
 *
 * White space around an item and its parts is dropped.  A partition has no name: an alias
 * of one is ignored.
 */
#ifndef OUTBOX_RELAY_PLACEMENT_H
#define OUTBOX_RELAY_PLACEMENT_H

#include "field.h"

#define PLACEMENTS_MAX 32
#define ENVELOPE_PAYLOAD "payload" /* the member of an envelope that holds the payload */

typedef enum PlacementKind
{
	PLACE_HEADER,
	PLACE_ENVELOPE,
	PLACE_PARTITION
} PlacementKind;

typedef struct Placement
{
	PlacementKind kind;
	FieldRef field;
	char *alias; /* the field's name when none was given */
} Placement;

typedef struct Placements
{
	int count;
	bool envelope; /* one of them at least */
	FieldRef partition;
	Placement items[PLACEMENTS_MAX];
} Placements;

/*
 * PERMANENT with EXIT_CONFIG for what isn't in the grammar, a reserved or repeated name, and
 * two partitions.  Free *placements in any case.
 */
extern MUST_CHECK bool placements_parse(Placements *placements, const char *text, FieldNames *names,
										Error *error);
extern void placements_free(Placements *placements);

#endif
