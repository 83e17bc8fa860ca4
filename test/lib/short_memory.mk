# What a program needs to have its allocations refused: the linker's options, and short_memory.o.
SHORT_MEMORY := $(foreach name,malloc calloc realloc free strdup strndup,-Wl,--wrap=$(name))
