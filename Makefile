# pg_outbox: everything from the top.  "make help" lists the targets.
#
# Each folder builds itself (make -C relay); nothing is built outside ./build.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
BUILD := $(TOP)/build
PG_CONFIG ?= pg_config
PYTHON ?= /usr/bin/python3

# Compilers at once.
JOBS ?= 2
# Tests wait more than they work: three more than there are processors keep these busy.
WORKERS ?= $(shell expr $$(nproc) + 3)

# Where the demo's live page is: a port that is free.
LIVE ?= 127.0.0.1:0

# The demo's load: requests per second and the seed of everything random in it.
RATE ?= 50
GIVEN_RATE := $(if $(filter-out file,$(origin RATE)),--rate=$(RATE))
SEED ?= 1
FULL ?= 0

export PG_CONFIG

PROGRAMS := relay consumer compare
# V=1 shows the commands.
SUBMAKE = $(MAKE) --no-print-directory $(if $(V),,-s) -j$(JOBS)

all: build

## build              the programs, into build/bin, and the extension
build: $(PROGRAMS) extension

$(PROGRAMS): common clients
	@$(SUBMAKE) -C $@

clients: common

common clients extension:
	@$(SUBMAKE) -C $@

## install            the daemons, their units and sample files: prefix=/usr/local, DESTDIR= (docs/operations.md, Installing)
#
# As the GNU coding standards have it.  The extension isn't among it: it belongs to a server, which may be another
# machine, and PGXS knows where.  None of these is exported: to PGXS some of them mean something else.
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
sysconfdir ?= $(if $(filter /usr /usr/local,$(prefix)),/etc,$(prefix)/etc)
unitdir ?= $(prefix)/lib/systemd/system
INSTALL ?= install
DAEMONS := relay consumer
configdir = $(DESTDIR)$(sysconfdir)/outbox

install: $(DAEMONS)
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(unitdir) $(configdir)
	$(INSTALL) $(DAEMONS:%=$(BUILD)/bin/outbox-%) $(DESTDIR)$(bindir)
	set -e; for daemon in $(DAEMONS); do \
		unit=$(DESTDIR)$(unitdir)/outbox-$$daemon.service; sample=$(configdir)/$$daemon.ini.sample; \
		sed 's,/usr/bin/outbox-,$(bindir)/outbox-,; s,/etc/outbox/,$(sysconfdir)/outbox/,' \
			deploy/systemd/outbox-$$daemon.service >$$unit; \
		$(BUILD)/bin/outbox-$$daemon --print-sample >$$sample; \
		chmod 644 $$unit $$sample; \
	done

## uninstall          remove what install put there, and nothing else; with the same prefix
uninstall:
	rm -f $(DAEMONS:%=$(DESTDIR)$(bindir)/outbox-%) $(DAEMONS:%=$(DESTDIR)$(unitdir)/outbox-%.service) \
		$(DAEMONS:%=$(configdir)/%.ini.sample)
	if [ -d $(configdir) ]; then rmdir --ignore-fail-on-non-empty $(configdir); fi

## install-extension  put the extension into PostgreSQL's directories (asks sudo when needed)
install-extension: extension
	@scripts/extension install

## bootstrap          install what is missing for the demo (PROFILE=check: for the tests)
PROFILE ?= demo
bootstrap:
	@scripts/bootstrap $(PROFILE)

bootstrap-demo:
	@scripts/bootstrap demo

bootstrap-check bootstrap-valgrind:
	@scripts/bootstrap $(@:bootstrap-%=%)

## demo               the comparison, 60 s of it: RATE=50 SEED=1; FULL=1: all 300 s
##                    (SCENARIO=classic; LIVE=127.0.0.1:0: where the live page listens)
SCENARIO ?= classic
demo: bootstrap-demo
	@[ -x $(BUILD)/bin/outbox-compare ] || echo "building relay, consumer and comparison, once: about a minute"
	@$(MAKE) --no-print-directory build
	@$(BUILD)/bin/outbox-compare run $(SCENARIO) $(GIVEN_RATE) --seed=$(SEED) --live=$(LIVE) $(if $(filter 1 yes on,$(FULL)),,--duration=60s)

## check              every suite in its short form (about 25 minutes on 2 processors); check-style, -unit, -sim, -fuzz, -sanitize, -regress, -upgrade, -pgtap, -tap, -prometheus, -bench, -soak, -e2e: one suite
check: bootstrap-check
	@$(MAKE) --no-print-directory build
	@WORKERS=$(WORKERS) $(PYTHON) scripts/check

check-style check-unit check-sim check-fuzz check-sanitize check-regress check-upgrade check-pgtap check-tap check-prometheus check-bench check-soak check-e2e:
	@WORKERS=$(WORKERS) $(PYTHON) scripts/check $(@:check-%=%)

## sim                relay and consumer in made-up worlds, with faults at random: SEEDS=1..20000 (about a minute)
SEEDS ?= 1..20000
sim:
	@$(SUBMAKE) -C test/sim
	@$(BUILD)/test/sim/sim --seeds=$(SEEDS) --counts

## failpoints         relay and consumer with failpoints (common/failpoint.h), into build/failpoints
failpoints:
	@$(MAKE) --no-print-directory FAILPOINTS=1 relay consumer

## check-failpoints   each failpoint with each of its actions and in each mode of delivery (10 minutes)
check-failpoints: bootstrap-check install-extension
	@$(MAKE) --no-print-directory relay consumer
	@$(MAKE) --no-print-directory failpoints
	@FAILPOINT_CASES=all $(PYTHON) -m pytest -q -n $(WORKERS) --dist loadgroup test/e2e/test_failpoints*.py

## fuzz               libFuzzer on every decoder of bytes from outside, two at a time: TIME=10 seconds each, NAMES="http json"
fuzz: TIME ?= 10
fuzz:
	@$(SUBMAKE) -C test/fuzz fuzz TIME=$(TIME) $(if $(NAMES),NAMES="$(NAMES)")

## coverage           branches of the pure modules that unit tests and simulations take: at least 95 per cent of each
coverage:
	@test/coverage/run

## check-asan         unit, sim, fuzz and end-to-end tests with AddressSanitizer and UndefinedBehaviorSanitizer (20 minutes)
check-asan: bootstrap-check install-extension
	@WORKERS=$(WORKERS) test/sanitize/run asan

## check-tsan         unit and end-to-end tests with ThreadSanitizer
check-tsan: bootstrap-check install-extension
	@WORKERS=$(WORKERS) test/sanitize/run tsan

## check-valgrind     unit tests and some end-to-end tests with valgrind's memcheck
check-valgrind: bootstrap-valgrind install-extension
	@WORKERS=$(WORKERS) test/sanitize/run valgrind

## check-mutants      takes each rule of positions, of the breaker and of the simulations out, and sees that its test fails (30 minutes)
check-mutants: bootstrap-check install-extension
	@scripts/mutants

## soak               relay and consumer under a steady load: DURATION=1800 RATE=5000, into build/soak; TARGET_OUTAGE=900:120
DURATION ?= 1800
soak: bootstrap-check install-extension
	@$(MAKE) --no-print-directory build
	@test/soak/run --duration=$(DURATION) $(GIVEN_RATE) $(TARGET_OUTAGE:%=--target-outage=%)

## check-outage       Kafka away for OUTAGE=300 seconds at RATE=2000: memory, loss, order
OUTAGE ?= 300
check-outage: bootstrap-check install-extension
	@$(MAKE) --no-print-directory build
	@test/soak/run --outage=$(OUTAGE) $(GIVEN_RATE)

## chaos              the whole pipeline under faults at random, a run for each seed: SEEDS=1..27 TIME=60, AT_ONCE=1, into build/chaos
##                    (as root: seeds with a full disk mount one)
AT_ONCE ?= 1
chaos: TIME ?= 60
chaos: bootstrap-check install-extension
	@$(MAKE) --no-print-directory build
	@scripts/kafka archive
	@test/chaos/campaign --seeds=$(if $(filter file,$(origin SEEDS)),1..27,$(SEEDS)) --time=$(TIME) --jobs=$(AT_ONCE)

## chaos-consumer     3 consumers under FAULTS=20 random faults in TIME=300 seconds at RATE=1000: SEED=1, into build/chaos
chaos-consumer: TIME ?= 300
chaos-consumer: FAULTS ?= 20
chaos-consumer: bootstrap-check
	@$(MAKE) --no-print-directory build
	@test/chaos/run consumer --seed=$(SEED) --time=$(TIME) $(GIVEN_RATE) --faults=$(FAULTS)

## check-matrix       the extension with other majors of the server, in containers: MAJORS="17 18 19"
MAJORS ?= 17 18 19
check-matrix:
	@test/container/matrix $(MAJORS)

## check-compose      compose.yml: builds its images, brings it up, uses, breaks and looks at it, takes it down (CONTAINER=docker)
check-compose:
	@scripts/bootstrap compose --no-extension
	@scripts/check-compose
	@test/container/compose

## check-large        one transaction of EVENTS=5000000, RESTARTS=20 of the source under load: about 5 minutes
check-large: EVENTS ?= 5000000
check-large: RESTARTS ?= 20
check-large: bootstrap-check install-extension
	@$(MAKE) --no-print-directory build
	@EVENTS=$(EVENTS) RESTARTS=$(RESTARTS) $(PYTHON) -m pytest -q -s test/e2e/test_large.py

## check-compat       the same rows through Debezium and the relay (fetches Debezium, 48 MB)
check-compat: bootstrap-check install-extension
	@$(MAKE) --no-print-directory build
	@test/compat/run

## bench-emit         what writing an event costs: about 4 minutes, into build/bench/emit.json (ROUNDS=6)
GIVEN_ROUNDS = $(ROUNDS:%=--rounds=%)
GIVEN_EVENTS = $(EVENTS:%=--events=%)
bench-emit: install-extension
	@bench/emit/run $(GIVEN_ROUNDS)

## bench              all benchmarks, short: 15 minutes, into build/bench/*.json and build/bench/README.md
bench: install-extension
	@$(MAKE) --no-print-directory build
	@bench/run

## bench-relay        a backlog through the relay, beside the walsender's ceiling and a bare producer, into build/bench/relay.json
##                    (WORKLOADS=single,ten,large,wide,sparse ROUNDS=3 EVENTS=300000; PEERS=1: beside Debezium, too)
bench-relay: install-extension
	@$(MAKE) --no-print-directory build
	@bench/relay/run $(WORKLOADS:%=--workloads=%) $(GIVEN_ROUNDS) $(GIVEN_EVENTS)

## bench-sink         how fast a consumer drains a topic, beside one session: about 6 minutes, into build/bench/sink.json
##                    (PEERS=1: beside the Debezium JDBC sink connector, too)
bench-sink: install-extension
	@$(MAKE) --no-print-directory build
	@bench/sink/run

## bench-latency      from COMMIT to Kafka, a reader and a target under live load: about 4 minutes, into build/bench/latency.json
bench-latency: install-extension
	@$(MAKE) --no-print-directory build
	@bench/latency/run

## bench-outage       what a relay does while Kafka is away, and how it comes back: 15 minutes (MINUTES=10), into build/bench/outage.json
bench-outage: install-extension
	@$(MAKE) --no-print-directory build
	@bench/outage/run $(MINUTES:%=--minutes=%)

## dist               the PGXN distribution of the extension: build/dist/*.zip
dist:
	@scripts/dist

## clean              remove what was built (what was fetched stays: build/kafka, build/prometheus, build/podman-compose)
clean:
	@$(MAKE) --no-print-directory -C extension clean
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name kafka ! -name prometheus ! -name podman-compose -exec rm -rf {} +

## help               this list
help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))

.PHONY: all build $(PROGRAMS) common clients extension install uninstall install-extension \
	bootstrap bootstrap-demo bootstrap-check bootstrap-valgrind demo \
	sim fuzz coverage check check-style check-unit check-sim check-fuzz check-sanitize check-regress check-upgrade check-pgtap check-tap check-prometheus check-bench check-e2e \
	failpoints check-failpoints check-asan check-tsan check-valgrind check-mutants check-soak soak check-outage chaos chaos-consumer check-matrix check-compose check-large check-compat bench bench-emit bench-latency bench-outage bench-relay bench-sink dist clean help
