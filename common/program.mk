# program.mk: how a program of this project is built.
#
# A program's Makefile sets PROGRAM, SRCS (its own .c files) and PKGS
# (pkg-config names) and includes this file.  Everything that is built goes to
# $(BUILD), outside the sources.
TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
include $(TOP)/common/flags.mk

DIR := $(CURDIR:$(TOP)/%=%)
OBJS := $(addprefix $(BUILD)/obj/$(DIR)/,$(SRCS:.c=.o))
# clients is for those that talk to both, PostgreSQL and Kafka.
FLOORS := $(if $(filter rdkafka,$(PKGS)),clients) common
LIBS := $(FLOORS:%=$(BUILD)/lib/lib%.a)
CPPFLAGS += $(FLOORS:%=-I$(TOP)/%) -I$(CURDIR) -I$(BUILD)/gen $(shell pkg-config --cflags $(PKGS))
LDLIBS += $(shell pkg-config --libs $(PKGS)) -lm

all: $(BUILD)/bin/$(PROGRAM)

$(BUILD)/bin/$(PROGRAM): $(OBJS) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJS) $(LIBS) $(LDLIBS)

$(BUILD)/lib/lib%.a: FORCE
	@$(MAKE) --no-print-directory -C $(TOP)/$*

$(BUILD)/obj/$(DIR)/%.o: $(CURDIR)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)
.PHONY: all FORCE
FORCE:
