/*
 * unit.h
 *	  What every unit test includes first: cmocka with the headers that it needs.
 */
#ifndef OUTBOX_TEST_UNIT_H
#define OUTBOX_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
