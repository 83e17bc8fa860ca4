/*
 * test_notify.c
 *	  What a service manager hears, on a socket of ours.
 */
#include "unit.h"

#include <errno.h>

#include "notify.h"

static char folder[] = "/tmp/outbox-notify-XXXXXX";
static char path[64];
static char heard[1024];

static int
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *) &address, len), 0);
	return fd;
}

/* The next datagram; "" when there is none. */
static const char *
hear(int fd)
{
	ssize_t len = recv(fd, heard, sizeof(heard) - 1, 0);

	heard[len > 0 ? len : 0] = '\0';
	return heard;
}

static int
setup(void **state)
{
	(void) state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	memcpy(folder, "/tmp/outbox-notify-XXXXXX", sizeof(folder));
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	unlink(path);
	return rmdir(folder);
}

static void
open_notifier(Notifier *notifier)
{
	Error error;

	assert_true(notify_init(notifier, &error));
}

static void
without_a_manager_nothing_happens(void **state)
{
	Notifier notifier;

	(void) state;
	open_notifier(&notifier);
	notify_turn(&notifier, true, "streaming", 0);
	notify_reloading(&notifier, 0);
	notify_reloaded(&notifier);
	notify_stopping(&notifier);
	assert_true(notify_wake_at(&notifier) == MONO_NEVER);
	notify_close(&notifier);
}

static void
tells_a_life(void **state)
{
	int fd = listen_at(path);
	Notifier notifier;

	(void) state;
	setenv("NOTIFY_SOCKET", path, 1);
	open_notifier(&notifier);
	notify_turn(&notifier, false, "connecting", 1);
	assert_string_equal(hear(fd), "STATUS=connecting");
	notify_turn(&notifier, false, "connecting", 2);
	assert_string_equal(hear(fd), "");
	/* Before it is ready a reload is nobody's business: READY=1 would be a lie. */
	notify_reloading(&notifier, 3);
	notify_reloaded(&notifier);
	assert_string_equal(hear(fd), "");
	notify_turn(&notifier, true, "streaming\nREADY=0", 4);
	assert_string_equal(hear(fd), "READY=1\nSTATUS=streaming");
	notify_turn(&notifier, false, "waiting", 5);
	assert_string_equal(hear(fd), "STATUS=waiting");
	notify_turn(&notifier, true, "streaming", 6);
	assert_string_equal(hear(fd), "STATUS=streaming");
	notify_reloading(&notifier, 123456789);
	assert_string_equal(hear(fd), "RELOADING=1\nMONOTONIC_USEC=123456789");
	notify_reloaded(&notifier);
	assert_string_equal(hear(fd), "READY=1");
	assert_true(notify_wake_at(&notifier) == MONO_NEVER);
	notify_stopping(&notifier);
	assert_string_equal(hear(fd), "STOPPING=1");
	notify_stopping(&notifier);
	notify_reloading(&notifier, 7);
	notify_reloaded(&notifier);
	assert_string_equal(hear(fd), "");
	notify_close(&notifier);
	close(fd);
}

static void
shows_that_its_loop_turns(void **state)
{
	int fd = listen_at(path);
	Notifier notifier;
	char pid[24];

	(void) state;
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	snprintf(pid, sizeof(pid), "%d", (int) getpid());
	setenv("WATCHDOG_PID", pid, 1);
	open_notifier(&notifier);
	notify_turn(&notifier, false, "", 100);
	assert_string_equal(hear(fd), "WATCHDOG=1");
	assert_true(notify_wake_at(&notifier) == 500100);
	notify_turn(&notifier, false, "", 500099);
	assert_string_equal(hear(fd), "");
	notify_turn(&notifier, false, "", 500100);
	assert_string_equal(hear(fd), "WATCHDOG=1");
	notify_close(&notifier);

	/* Meant for another process. */
	snprintf(pid, sizeof(pid), "%d", (int) getpid() + 1);
	setenv("WATCHDOG_PID", pid, 1);
	open_notifier(&notifier);
	notify_turn(&notifier, false, "", 100);
	assert_string_equal(hear(fd), "");
	assert_true(notify_wake_at(&notifier) == MONO_NEVER);
	notify_close(&notifier);
	close(fd);
}

static void
knows_abstract_names(void **state)
{
	char name[64];
	int fd;
	Notifier notifier;

	(void) state;
	snprintf(name, sizeof(name), "@%s", path + 1);
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	open_notifier(&notifier);
	notify_turn(&notifier, true, "fine", 1);
	assert_string_equal(hear(fd), "READY=1\nSTATUS=fine");
	notify_close(&notifier);
	close(fd);
}

/* Nothing blocks, and what holds is told when there is room. */
static void
a_manager_that_does_not_listen_hears_it_later(void **state)
{
	int fd = listen_at(path);
	Notifier notifier;
	char status[32];
	bool ready_heard = false;
	int sent = 0;

	(void) state;
	setenv("NOTIFY_SOCKET", path, 1);
	open_notifier(&notifier);
	while (!notifier.behind)
	{
		assert_true(sent < 100000);
		snprintf(status, sizeof(status), "status %d", sent++);
		notify_turn(&notifier, false, status, sent);
	}
	notify_turn(&notifier, true, "streaming", sent);
	assert_true(notifier.behind);
	while (*hear(fd) != '\0')
		;
	notify_turn(&notifier, true, "streaming", sent);
	assert_false(notifier.behind);
	while (*hear(fd) != '\0')
		ready_heard |= strcmp(heard, "READY=1\nSTATUS=streaming") == 0;
	assert_true(ready_heard);

	/* One that is gone isn't waited for. */
	close(fd);
	notify_turn(&notifier, true, "other", sent);
	assert_false(notifier.behind);
	notify_close(&notifier);
}

static void
refuses_other_addresses(void **state)
{
	static const char *const bad[] = {"relative", "vsock:2:1234", "/", "@"};
	char long_path[200];
	Notifier notifier;
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		setenv("NOTIFY_SOCKET", bad[i], 1);
		error_clear(&error);
		assert_false(notify_init(&notifier, &error));
		assert_non_null(strstr(error.message, bad[i]));
		notify_turn(&notifier, true, "x", 1);
	}
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_path, 1);
	assert_false(notify_init(&notifier, &error));
	setenv("NOTIFY_SOCKET", "", 1);
	assert_true(notify_init(&notifier, &error));
	assert_int_equal(notifier.fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_manager_nothing_happens, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_that_its_loop_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_abstract_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_manager_that_does_not_listen_hears_it_later, setup,
										teardown),
		cmocka_unit_test_setup_teardown(refuses_other_addresses, setup, teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
