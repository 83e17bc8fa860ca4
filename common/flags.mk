# flags.mk: compiler flags and where things are built.  BUILD, CC, CFLAGS_EXTRA
# and SANITIZE (address,undefined or thread) may be given on the command line; with
# SANITIZE give a BUILD of its own.  A relative BUILD is below the top.
BUILD ?= $(TOP)/build
ifeq ($(filter /%,$(BUILD)),)
override BUILD := $(TOP)/$(BUILD)
endif
# FAILPOINTS=1 is another build (common/failpoint.h), beside the plain one.
ifneq ($(FAILPOINTS),)
override BUILD := $(BUILD:%/failpoints=%)/failpoints
endif
CC := gcc
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wpointer-arith
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS := -std=c11 -O2 -g $(WARNINGS) $(HARDENING) $(CFLAGS_EXTRA)
CPPFLAGS := -D_GNU_SOURCE $(if $(FAILPOINTS),-DOUTBOX_FAILPOINTS)
LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LDLIBS :=
ifneq ($(SANITIZE),)
# The sanitizers' own branches make gcc warn of what cannot be; the plain build stays strict.  -O1 compiles in half the
# time of -O2, and less of what is undefined is gone before they see it.
CFLAGS += -O1 -w -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
LDFLAGS += -fsanitize=$(SANITIZE)
endif
ifneq ($(filter thread,$(SANITIZE)),)
# What librdkafka locks is seen.
LDFLAGS += -D_GNU_SOURCE $(TOP)/test/sanitize/c11_threads.c
endif
