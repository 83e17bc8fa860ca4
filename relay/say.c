/*
 * say.c
 *	  What a command that is run once tells people while it works.
 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

#define SAY_SIZE 2048

void
say_text(SayFn say, void *arg, bool warning, const char *fmt, ...)
{
	char text[SAY_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say(warning, text, arg);
}
