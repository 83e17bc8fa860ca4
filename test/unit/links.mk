# What a unit test links besides build/lib/libcommon.a:
#
#	LINK_<test> = objects, named as their source folder: relay/window.o
#	PKGS_<test> = pkg-config names of libraries, if any
#
# <test> is the file without ".c" ("test_window").  One line each, sorted.
