// SPDX-License-Identifier: MIT
/* A mapping through the mount is the segment's own memory, and no copy of it. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>

#include "mounted.h"

static uint64_t physical_page(const void *addr)
{
	int fd = open_file("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	assert_int_equal(pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)addr / PAGE * 8)), 8);
	close(fd);
	assert_true(entry >> 63); /* it is present */
	return entry & (((uint64_t)1 << 55) - 1);
}

static void both_mappings_have_the_same_physical_pages(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 8 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	unsigned char *mounted = map_file(m->path, 8 * PAGE, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < 8; i++) {
		unsigned char *first = i & 1 ? direct : mounted; /* to touch it */

		first[i * PAGE] = (unsigned char)i;
		assert_int_equal(direct[i * PAGE], mounted[i * PAGE]);
		assert_int_not_equal(physical_page(direct + i * PAGE), 0);
		assert_int_equal(physical_page(direct + i * PAGE),
				 physical_page(mounted + i * PAGE));
	}
	munmap(mounted, 8 * PAGE);
	seg_unmap(direct, 8 * PAGE);
	seg_close(seg);
}

static void what_pwrite_writes_is_in_every_mapping(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 2 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	unsigned char *mounted = map_file(m->path, 2 * PAGE, PROT_READ);
	int fd = open_file(m->path, O_RDWR);
	char text[8] = { 0 };

	assert_int_equal(pwrite(fd, "written", 7, (off_t)PAGE - 3), 7);
	assert_memory_equal(direct + PAGE - 3, "written", 7);
	assert_memory_equal(mounted + PAGE - 3, "written", 7);
	memcpy(direct + PAGE - 3, "changed", 7);
	assert_int_equal(pread(fd, text, 7, (off_t)PAGE - 3), 7);
	assert_string_equal(text, "changed");
	close(fd);
	munmap(mounted, 2 * PAGE);
	seg_close(seg);
}

static void another_process_sees_each_byte_at_once(void **state)
{
	struct mounted *m = *state;
	struct peer *on_mount = peer_start(m->f, NULL), *direct = peer_start(m->f, NULL);

	seg_close(create_seg(m->ref, 4 * PAGE, 0));
	assert_ok(peer_open(on_mount, m->path, 0));
	assert_ok(peer_open(direct, m->ref, 0));
	assert_ok(peer_map(on_mount, 0, 0, 0));
	assert_ok(peer_map(direct, 0, 0, 0));
	for (unsigned i = 0; i < 200; i++) {
		size_t at = i * 79 % (4 * PAGE);

		peer_write(i & 1 ? on_mount : direct, at, (unsigned char)(i + 1));
		assert_int_equal(peer_read(i & 1 ? direct : on_mount, at), i + 1);
	}
}

static void two_mounts_show_the_same_memory(void **state)
{
	struct mounted *m = *state;
	const char *other = path_of(m, "%s-other", m->point);
	unsigned char *one, *two;
	struct daemon daemon;

	seg_close(create_seg(m->ref, PAGE, 0));
	assert_ok(daemon_start(&daemon, SEGFS_PROGRAM, other, NULL));
	one = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	two = map_file(path_of(m, "%s%s", other, m->path + strlen(m->point)), PAGE, PROT_READ);
	one[0] = 'x';
	assert_int_equal(two[0], 'x');
	assert_int_equal(daemon_end(&daemon, SIGTERM), 0);
	one[1] = 'y';
	assert_int_equal(two[1], 'y');
	munmap(one, PAGE);
	munmap(two, PAGE);
}

/* -- what blocks on one side is woken on the other ------------------------------------- */

static int wait_on_futex(void *arg)
{
	struct mounted *m = arg;
	int fd = open(m->path, O_RDWR);
	unsigned *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (word == MAP_FAILED)
		return 1;
	__atomic_store_n(&word[1], 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&word[0], __ATOMIC_SEQ_CST) == 0)
		syscall(SYS_futex, &word[0], FUTEX_WAIT, 0, NULL, NULL, 0);
	return 0;
}

static void a_futex_wakes_across(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	unsigned *word = (unsigned *)map_seg(seg, 0, 0, 0);
	struct peer *peer = peer_spawn(m->f, wait_on_futex, m);

	while (__atomic_load_n(&word[1], __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	/* it sleeps, or is about to: a wake that finds somebody is the proof */
	while (syscall(SYS_futex, &word[0], FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
		sched_yield();
	__atomic_store_n(&word[0], 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word[0], FUTEX_WAKE, 1, NULL, NULL, 0);
	assert_ok(peer_join(peer));
	seg_close(seg);
}

static int count_under_lock(pthread_mutex_t *mutex)
{
	unsigned *counter = (unsigned *)(mutex + 1);

	for (int i = 0; i < 20000; i++) {
		if (pthread_mutex_lock(mutex) != 0)
			return 1;
		++*counter;
		pthread_mutex_unlock(mutex);
	}
	return 0;
}

static int count_on_mount(void *arg)
{
	struct mounted *m = arg;
	int fd = open(m->path, O_RDWR);
	void *addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return addr == MAP_FAILED ? 1 : count_under_lock(addr);
}

static void init_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	assert_ok(pthread_mutex_init(mutex, &attr));
}

static void a_mutex_excludes_across(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	pthread_mutex_t *mutex = (void *)map_seg(seg, 0, 0, 0);
	struct peer *peer;

	init_mutex(mutex);
	peer = peer_spawn(m->f, count_on_mount, m);
	assert_ok(count_under_lock(mutex));
	assert_ok(peer_join(peer));
	assert_int_equal(*(unsigned *)(mutex + 1), 40000);
	seg_close(seg);
}

static int die_with_lock(void *arg)
{
	struct mounted *m = arg;
	int fd = open(m->path, O_RDWR);
	void *addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return addr == MAP_FAILED ? 1 : pthread_mutex_lock(addr);
}

static void the_death_of_an_owner_is_told_across(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	pthread_mutex_t *mutex = (void *)map_seg(seg, 0, 0, 0);

	init_mutex(mutex);
	assert_ok(peer_join(peer_spawn(m->f, die_with_lock, m)));
	assert_int_equal(pthread_mutex_lock(mutex), EOWNERDEAD);
	assert_ok(pthread_mutex_consistent(mutex));
	assert_ok(pthread_mutex_unlock(mutex));
	seg_close(seg);
}

static int post_on_mount(void *arg)
{
	struct mounted *m = arg;
	int fd = open(m->path, O_RDWR);
	sem_t *sem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if ((void *)sem == MAP_FAILED)
		return 1;
	for (int i = 0; i < 1000; i++)
		if (sem_wait(&sem[0]) < 0 || sem_post(&sem[1]) < 0)
			return 1;
	return 0;
}

static void a_semaphore_goes_back_and_forth(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	sem_t *sem = (void *)map_seg(seg, 0, 0, 0);
	struct peer *peer;

	assert_ok(sem_init(&sem[0], 1, 0));
	assert_ok(sem_init(&sem[1], 1, 0));
	peer = peer_spawn(m->f, post_on_mount, m);
	for (int i = 0; i < 1000; i++) {
		assert_ok(sem_post(&sem[0]));
		assert_ok(sem_wait(&sem[1]));
	}
	assert_ok(peer_join(peer));
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(both_mappings_have_the_same_physical_pages),
		MOUNTED_BOTH(what_pwrite_writes_is_in_every_mapping),
		MOUNTED_BOTH(another_process_sees_each_byte_at_once),
		MOUNTED_BOTH(two_mounts_show_the_same_memory),
		MOUNTED_BOTH(a_futex_wakes_across),
		MOUNTED_BOTH(a_mutex_excludes_across),
		MOUNTED_BOTH(the_death_of_an_owner_is_told_across),
		MOUNTED_BOTH(a_semaphore_goes_back_and_forth),
	};

	return RUN_MOUNTED(tests);
}
