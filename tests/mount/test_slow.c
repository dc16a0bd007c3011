// SPDX-License-Identifier: MIT
/* What allocates much is done beside the request loop: nobody else waits for it. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "mounted.h"

#define MUCH ((off_t)512 << 20)

static int setup(void **state)
{
	return mounted_setup_private(state, "size=1g");
}

static int setup_preallocate(void **state)
{
	return mounted_setup_private(state, "size=1g,preallocate");
}

struct allocator {
	pthread_t thread;
	int (*allocate)(int fd, off_t size);
	int fd, result;
	off_t size;
	atomic_bool done;
};

static int by_fallocate(int fd, off_t size)
{
	return try(fallocate(fd, 0, 0, size));
}

static int by_ftruncate(int fd, off_t size)
{
	return try(ftruncate(fd, size));
}

static void *run(void *arg)
{
	struct allocator *a = arg;

	a->result = a->allocate(a->fd, a->size);
	a->done = true;
	return NULL;
}

static void start(struct allocator *a, int (*allocate)(int fd, off_t size), const char *path)
{
	*a = (struct allocator){ .allocate = allocate,
				 .fd = create_file(path, 0600),
				 .size = MUCH };
	assert_int_equal(pthread_create(&a->thread, NULL, run, a), 0);
}

static int end(struct allocator *a)
{
	pthread_join(a->thread, NULL);
	close(a->fd);
	return a->result;
}

/* A loop that waited would answer the first of these when it is done. */
static void others_are_answered(struct mounted *m, int (*allocate)(int fd, off_t size))
{
	struct allocator a;
	int answered = 0;

	start(&a, allocate, m->path);
	while (!a.done) {
		stat_path(m->point);
		close(create_file(path_of(m, "%s/other", m->point), 0600));
		assert_ok(unlink(path_of(m, "%s/other", m->point)));
		answered += !a.done;
		m->path_count -= 2;
	}
	assert_ok(end(&a));
	assert_in_range(answered, 4, INT32_MAX);
	assert_int_equal(stat_path(m->path).st_size, MUCH);
	assert_int_equal(stat_path(m->path).st_blocks * 512, MUCH);
}

static void others_do_not_wait_for_a_fallocate(void **state)
{
	others_are_answered(*state, by_fallocate);
}

static void others_do_not_wait_for_a_preallocating_truncate(void **state)
{
	others_are_answered(*state, by_ftruncate);
}

static void too_much_is_enospc_and_takes_nothing(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_int_equal(by_fallocate(fd, 4 * MUCH), -ENOSPC);
	assert_int_equal(stat_path(m->path).st_blocks, 0);
	assert_int_equal(stat_path(m->path).st_size, 0);
	assert_ok(by_fallocate(fd, MUCH));
	close(fd);
}

static void too_much_of_a_truncate_is_enospc_and_takes_nothing(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_int_equal(by_ftruncate(fd, 4 * MUCH), -ENOSPC);
	assert_int_equal(stat_path(m->path).st_blocks, 0);
	assert_int_equal(stat_path(m->path).st_size, 0);
	assert_ok(by_ftruncate(fd, MUCH));
	/* without a name there is no handle to be had by it */
	assert_ok(unlink(m->path));
	assert_ok(by_ftruncate(fd, MUCH + (off_t)PAGE));
	close(fd);
}

static void many_at_once_are_all_done(void **state)
{
	struct mounted *m = *state;
	struct allocator a[12];

	for (size_t i = 0; i < 12; i++) {
		a[i] = (struct allocator){ .allocate = by_fallocate,
					   .fd = create_file(path_of(m, "%s/%zu", m->point, i),
							     0600),
					   .size = (off_t)64 << 20 };
		assert_int_equal(pthread_create(&a[i].thread, NULL, run, &a[i]), 0);
	}
	for (size_t i = 0; i < 12; i++)
		assert_ok(end(&a[i]));
}

/* It is replied to, or the connection is gone; and the daemon ends as it does else. */
static void the_end_of_the_daemon_waits(void **state)
{
	struct mounted *m = *state;
	struct allocator a;

	start(&a, by_fallocate, m->path);
	while (stat_path(m->path).st_blocks == 0 && !a.done)
		;
	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	end(&a);
	assert_ok(mounted_start_private(m, "size=1g"));
}

#define PRIVATE(test)      TEST_WITH(setup, test, "private", SEG_POSIX)
#define PREALLOCATED(test) TEST_WITH(setup_preallocate, test, "preallocate", SEG_POSIX)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRIVATE(others_do_not_wait_for_a_fallocate),
		PREALLOCATED(others_do_not_wait_for_a_preallocating_truncate),
		PRIVATE(too_much_is_enospc_and_takes_nothing),
		PREALLOCATED(too_much_of_a_truncate_is_enospc_and_takes_nothing),
		PRIVATE(many_at_once_are_all_done),
		PRIVATE(the_end_of_the_daemon_waits),
	};

	return RUN_MOUNTED(tests);
}
