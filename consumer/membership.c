/*
 * membership.c
 *	  A static member's place in its group.
 */
#include "membership.h"

void
membership_joined(Membership *membership)
{
	*membership = (Membership){.member = true};
}

void
membership_lost(Membership *membership)
{
	membership->member = false;
}

bool
membership_fenced(Membership *membership)
{
	return !membership->member && membership->attempts++ < MEMBERSHIP_ATTEMPTS;
}
