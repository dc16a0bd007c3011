// SPDX-License-Identifier: MIT
/* kill -9 of the daemon in the middle of things: nothing is lost, and nothing is left. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>

#include "mounted.h"

#define ROUNDS 30
#define KEPT   4

/* Shared with those who keep the daemon busy. */
struct churn {
	char posix[PATH_MAX], sysv[PATH_MAX]; /* directories of the mount */
	volatile struct {
		unsigned done;
		bool over;
	} * shared;
};

static void make_and_remove(const char *path, off_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && ftruncate(fd, size) == 0)
		(void)!ftruncate(fd, size / 2);
	if (fd >= 0)
		close(fd);
	seg_destroy(path, SEG_IF_UNUSED);
	unlink(path);
}

/* Whatever fails while there is no daemon, fails. */
static int keep_busy(void *arg)
{
	const struct churn *churn = arg;
	char path[PATH_MAX + 32];

	for (unsigned i = 0; !churn->shared->over; i++) {
		snprintf(path, sizeof(path), "%s/churn-%d-%u", churn->posix, getpid(), i % 5);
		make_and_remove(path, 64 * 1024);
		snprintf(path, sizeof(path), "%s/0x6000%04x", churn->sysv,
			 (unsigned)getpid() % 0xff00 + i % 5);
		make_and_remove(path, 64 * 1024);
		churn->shared->done++;
	}
	return 0;
}

static int keep_collecting(void *arg)
{
	static const struct seg_gc_filter posix = { .kind = SEG_POSIX,
						    .pattern = "/churn-*",
						    .uid = (uid_t)-1 };
	static const struct seg_gc_filter sysv = { .kind = SEG_SYSV,
						   .pattern = "sysv:0x6000*",
						   .uid = (uid_t)-1 };
	const struct churn *churn = arg;

	do {
		if (seg_gc(&posix, NULL, NULL) < 0 || seg_gc(&sysv, NULL, NULL) < 0)
			return 1;
	} while (!churn->shared->over);
	return 0;
}

/* Half of them mapped through the mount and never let go, half used by nobody. */
static void make_kept(struct mounted *m, const char *refs[KEPT], unsigned char *mapped[KEPT])
{
	for (int i = 0; i < KEPT; i++) {
		refs[i] = fixture_ref(m->f, i % 2 ? SEG_SYSV : SEG_POSIX);
		seg_close(create_seg(refs[i], 4 * PAGE, 0));
		mapped[i] = map_file(on_mount(m, refs[i]), 4 * PAGE, PROT_READ | PROT_WRITE);
		memset(mapped[i], 'a' + i, 4 * PAGE);
		if (i >= KEPT / 2)
			munmap(mapped[i], 4 * PAGE);
	}
}

static void check_kept(struct mounted *m, const char *refs[KEPT], unsigned char *mapped[KEPT])
{
	for (int i = 0; i < KEPT; i++) {
		unsigned char *again =
			map_file(on_mount(m, refs[i]), 4 * PAGE, PROT_READ | PROT_WRITE);

		m->path_count--; /* there are many rounds */
		for (size_t at = 0; at < 4 * PAGE; at += PAGE)
			assert_int_equal(again[at], 'a' + i);
		if (i < KEPT / 2) {
			mapped[i][7]++;
			assert_int_equal(again[7], mapped[i][7]);
		}
		munmap(again, 4 * PAGE);
	}
}

static void kill_in_the_middle(struct mounted *m, const struct churn *churn, unsigned after)
{
	const unsigned begun = churn->shared->done;

	while (churn->shared->done - begun < after)
		sched_yield();
	mounted_restart(m, SIGKILL);
}

static size_t names_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void nothing_is_lost_and_nothing_is_left(void **state)
{
	struct mounted *m = *state;
	unsigned char *mapped[KEPT];
	struct peer *busy[3];
	const char *refs[KEPT];
	struct churn churn;

	snprintf(churn.posix, PATH_MAX, "%s", m->posix);
	snprintf(churn.sysv, PATH_MAX, "%s", m->sysv);
	churn.shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_kept(m, refs, mapped);
	for (int i = 0; i < 2; i++)
		busy[i] = peer_spawn(m->f, keep_busy, &churn);
	busy[2] = peer_spawn(m->f, keep_collecting, &churn);
	for (unsigned round = 0; round < ROUNDS; round++) {
		kill_in_the_middle(m, &churn, round % 7 + 1);
		check_kept(m, refs, mapped);
	}
	churn.shared->over = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(peer_join(busy[i]), 0);
	assert_int_equal(keep_collecting(&churn), 0);
	assert_int_equal(names_in("/dev/shm"), KEPT / 2);
	assert_int_equal(names_in(m->posix), KEPT / 2);
	assert_int_equal(names_in(m->sysv), KEPT / 2);
	for (int i = 0; i < KEPT / 2; i++)
		munmap(mapped[i], 4 * PAGE);
	munmap((void *)churn.shared, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(nothing_is_lost_and_nothing_is_left),
	};

	return RUN_MOUNTED(tests);
}
