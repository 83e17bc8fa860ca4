/*
 * report_json.h
 *	  report.json, version 2.  It grows run by run and can be written at any time.
 *
 *	{"version": 2, "started_at", "commit", "machine": {"cpus","cpu","memory_mb","os","kernel"},
 *	 "versions": {"postgresql","kafka","librdkafka","pg_outbox"}, "settings": {…}, "seed", "repeats",
 *	 "interrupted", "error": null or what ended it before its end, "passed", "took_s", "paths": [{"name","title","about"}],
 *	 "scenarios": [{"name","title","about","file","duration_s","rate","load",
 *	   "skipped": null or why it was not run,
 *	   "faults": [{"kind","where","text","from_s","until_s"}],		as planned
 *	   "price": each path alone, when it was measured:
 *		 {"idle": {"took_s", "cpu_s", "wal_bytes"},
 *		  "paths": {"<name>": {"offered", "took_s", "latency_ms", "cpu_s", "wal_bytes"}}},
 *	   "runs": [{"seed","repeat","interrupted","passed","took_s",
 *		 "faults": [{"text","from_s","until_s"}],					as they happened
 *		 "expectations": [{"path","text","unit","measured","held"}],
 *		 "paths": {"<name>": {counts of the ledger, "closes", "rates": {"accepted","durable","visible"},
 *		   "rejected_because": {"away","busy","stopping","invalid","app_away","no_client","other": those that happened},
 *		   "latency_ms": {"p50","p90","p99","p999","max"}, "drain_s", "recovery_s",
 *		   "freshness_s": {"p50","p99","max"}}},
 *		 "cost": {"cpu_s": {"<part>": …}, "wal_bytes": {"source","target"}},
 *		 "timeline": [{"t","phase","faults": [indexes of the run's],"breaker","lag",
 *		   "retained_wal_bytes","paths": {"<name>": {"offered","accepted","rejected","unknown",
 *		   "p50_ms","p99_ms","in_target","freshness_s"}}}]}]}],
 *	 "inventory": [see below]}
 *
 * "inventory" has the scenarios of that kind, like "scenarios"; their runs have these members in
 * place of "paths", "cost" and "timeline":
 *
 *	"expectations": [{"path","service": null for all together,"text","unit","measured","held"}],
 *	"services": ["inventory","pricing","recommendation","audit"],
 *	"replay": null or {"service","orders","seconds","different"},		audit's, from the beginning
 *	"shop": {"sync" and "outbox": {"title","about","offered","accepted","rejected","rejected_because","unknown","durable",
 *	  "everywhere": orders that all services have that are called,
 *	  "partial": orders that some of them have and others don't,
 *	  "rates": {"accepted","durable","visible": everywhere},"latency_ms": {…},
 *	  "services": {"<service>": {"in_service","accepted_in_service","lost","duplicates",
 *		"order_violations","pending","invented","unknown_missing","different","closes",
 *		"lag_s": {"p50","p99","max"},"drain_s"}}}},
 *	"shop_timeline": [{"t","faults","paths": {"<path>": {"offered","accepted","rejected","unknown"}},
 *	  "services": {"<service>": {"behind","breaker"}}}]						of the outbox
 *
 * null is what could not be seen, or never came.  Members may be added; those that are
 * there keep their names and meanings.
 */
#ifndef OUTBOX_COMPARE_REPORT_JSON_H
#define OUTBOX_COMPARE_REPORT_JSON_H

#include "facts.h"
#include "inventory_report.h"
#include "price.h"
#include "report.h"

typedef struct ReportJson ReportJson;

/* NULL: no memory. */
extern ReportJson *report_json_create(const CompareConfig *config, const Facts *facts,
									  int64_t breaker_reset_usec);
extern void report_json_free(ReportJson *json); /* NULL is allowed */

/* Runs that follow belong to it.  skipped: why it is not run, or NULL. */
extern void report_json_scenario(ReportJson *json, const Scenario *scenario, const char *file,
								 const char *skipped);
extern void report_json_run(ReportJson *json, const RunReport *report);
extern void report_json_inventory(ReportJson *json, const InventoryReport *report);

/* Of a scenario without an end: how long its load was in fact. */
extern void report_json_duration(ReportJson *json, double seconds);

extern void report_json_price(ReportJson *json, const Price *price);

/*
 * It ends before its end: with an error, or because it was interrupted (NULL).  Later runs can't
 * make it good.  not_run: why the scenario that came last was not run, if it wasn't.
 */
extern void report_json_broken_off(ReportJson *json, const char *problem, const char *not_run);

/* Beside its place and moved there, so that nobody ever reads half of it. */
extern MUST_CHECK bool report_json_write(ReportJson *json, const char *path, Error *error);

#endif
