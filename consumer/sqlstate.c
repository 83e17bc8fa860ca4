/*
 * sqlstate.c
 *	  Classes of SQLSTATEs, by a table whose first fitting row counts.
 */
#include "sqlstate.h"

#include <stdbool.h>
#include <string.h>

typedef struct SqlstateRule
{
	const char *prefix;
	FailureClass failure;
} SqlstateRule;

static const SqlstateRule rules[] = {
	{SQLSTATE_FENCED, FAILURE_FENCED},

	{"40001", FAILURE_TRANSIENT}, /* serialization_failure */
	{"40P01", FAILURE_TRANSIENT}, /* deadlock_detected */
	{"55P03", FAILURE_TRANSIENT}, /* lock_not_available */
	{"55006", FAILURE_TRANSIENT}, /* object_in_use */
	{"40002", FAILURE_DATA},	  /* transaction_integrity_constraint_violation */
	{"54000", FAILURE_DATA},	  /* program_limit_exceeded: a key that is too long for an index */
	{"54001", FAILURE_DATA},	  /* statement_too_complex: JSON that is nested too deeply */

	{"0A", FAILURE_CONFIGURATION},	  /* feature_not_supported */
	{"21", FAILURE_CONFIGURATION},	  /* cardinality_violation */
	{"25001", FAILURE_CONFIGURATION}, /* active_sql_transaction */
	{"28", FAILURE_CONFIGURATION},	  /* invalid_authorization_specification */
	{"2D", FAILURE_CONFIGURATION},	  /* invalid_transaction_termination: COMMIT in a function */
	{"3D", FAILURE_CONFIGURATION},	  /* invalid_catalog_name */
	{"3F", FAILURE_CONFIGURATION},	  /* invalid_schema_name */
	{"42", FAILURE_CONFIGURATION},	  /* syntax_error_or_access_rule_violation */
	{"54", FAILURE_CONFIGURATION},	  /* too many columns, too many arguments */

	{"22", FAILURE_DATA}, /* data_exception */
	{"23", FAILURE_DATA}, /* integrity_constraint_violation */
	{"44", FAILURE_DATA}, /* with_check_option_violation */
	{"P0", FAILURE_DATA}, /* raised by PL/pgSQL */
	{"20", FAILURE_DATA}, /* case_not_found */
	{"27", FAILURE_DATA}, /* triggered_data_change_violation */
	{"2F", FAILURE_DATA}, /* sql_routine_exception: no RETURN was reached */
	{"38", FAILURE_DATA}, /* external_routine_exception */
	{"39", FAILURE_DATA}, /* external_routine_invocation_exception */

	{"57P", FAILURE_INFRASTRUCTURE}, /* shutdown, crash, starting up */
	{"XX", FAILURE_INFRASTRUCTURE},	 /* internal_error, data_corrupted */
	{"HV", FAILURE_INFRASTRUCTURE},	 /* a foreign server */
	{"53", FAILURE_INFRASTRUCTURE},	 /* insufficient_resources */
	{"55", FAILURE_INFRASTRUCTURE},	 /* object_not_in_prerequisite_state */
	{"57", FAILURE_INFRASTRUCTURE},	 /* operator_intervention, time-outs */
	{"58", FAILURE_INFRASTRUCTURE},	 /* system_error */
	{"72", FAILURE_INFRASTRUCTURE},	 /* snapshot_too_old */
	{"F0", FAILURE_INFRASTRUCTURE},	 /* config_file_error */
};

FailureClass
sqlstate_class(const char *sqlstate)
{
	char first = sqlstate[0];

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
			return rules[i].failure;
	}
	if ((first >= '5' && first <= '9') || (first >= 'I' && first <= 'Z'))
		return FAILURE_DATA;
	return FAILURE_INFRASTRUCTURE;
}

const char *
failure_class_name(FailureClass failure)
{
	static const char *const names[] = {"infrastructure", "transient", "data", "configuration",
										"fenced"};

	return names[failure];
}

void
sqlstate_message(const char *sqlstate, const char *message, char *out, size_t size)
{
	bool mask = strncmp(sqlstate, "22", 2) == 0;
	size_t len = 0;

	if (size == 0)
		return;
	while (*message != '\0' && len + 1 < size)
	{
		char c = *message++;

		out[len++] = c == '\n' ? ' ' : c;
		if (c != '"' || !mask)
			continue;
		/* A value may hold quotes: the last one of the message ends it. */
		if (strrchr(message, '"') != NULL)
		{
			message = strrchr(message, '"');
			for (int i = 0; i < 3 && len + 1 < size; i++)
				out[len++] = '.';
			if (len + 1 < size)
				out[len++] = *message;
			message++;
		}
	}
	out[len] = '\0';
}
