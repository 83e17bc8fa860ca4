# What tests link of the programs: the same objects.  Needs common/flags.mk, and LIBCOMMON; whoever includes it says what FORCE is.
$(BUILD)/obj/%.o: $(TOP)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -I$(TOP)/common -I$(TOP)/clients -I$(dir $<) \
		$(shell pkg-config --cflags libpq rdkafka jansson libmicrohttpd) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIBCOMMON): FORCE
	@$(MAKE) --no-print-directory -C $(TOP)/common
