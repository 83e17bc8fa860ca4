/*
 * sample.c
 *	  Names of phases and of the breaker's states.
 */
#include "sample.h"

const char *
phase_name(Phase phase)
{
	static const char *const names[] = {"calm", "fault", "recovery", "drain"};

	return names[phase];
}

const char *
breaker_name(int breaker)
{
	static const char *const names[] = {"closed", "half_open", "open"};

	return breaker >= 0 && breaker <= 2 ? names[breaker] : "unknown";
}
