// SPDX-License-Identifier: MIT
/*
 * Random operations through the mount and beside it, checked against a model in plain
 * memory. SEGFS_TEST_SEED repeats a run; a failure prints the seed and the last steps.
 */
#include <linux/falloc.h>
#include <time.h>

#include "mounted.h"

enum { MOST = 1 << 18, MILLISECONDS = 2000, HISTORY = 12 };

struct model {
	unsigned char bytes[MOST];
	size_t size;
	bool fixed; /* SysV */
	bool maps;
};

struct run {
	struct model model;
	const char *path;   /* on the mount */
	const char *direct; /* in /dev/shm; NULL: none, there is the attach */
	unsigned char *attached;
	int fd;
	unsigned seed, step;
	char history[HISTORY][80];
	unsigned char buf[MOST];
};

static size_t below(struct run *run, size_t limit)
{
	size_t high = (size_t)rand_r(&run->seed);

	return limit ? (high << 15 ^ (size_t)rand_r(&run->seed)) % limit : 0;
}

__attribute__((format(printf, 2, 3))) static void note(struct run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run->history[run->step % HISTORY], sizeof(run->history[0]), format, args);
	va_end(args);
}

static void check(struct run *run, bool right, const char *what)
{
	if (right)
		return;
	for (unsigned i = run->step < HISTORY ? 0 : run->step - HISTORY + 1; i <= run->step; i++)
		print_error("  %u: %s\n", i, run->history[i % HISTORY]);
	fail_msg("step %u: %s", run->step, what);
}

/* A range, more often than not within the file, and short. */
static void pick(struct run *run, size_t limit, size_t *at, size_t *length)
{
	*at = below(run, limit);
	*length = 1 + below(run, below(run, 4) ? 200 : limit);
	if (*length > limit - *at)
		*length = limit - *at;
}

static void fill(struct run *run, size_t length)
{
	for (size_t i = 0; i < length; i++)
		run->buf[i] = (unsigned char)rand_r(&run->seed);
}

static void model_write(struct run *run, size_t at, size_t length)
{
	memcpy(run->model.bytes + at, run->buf, length);
	if (at + length > run->model.size)
		run->model.size = at + length;
}

static void model_resize(struct run *run, size_t size)
{
	if (size < run->model.size)
		memset(run->model.bytes + size, 0, MOST - size);
	run->model.size = size;
}

/* -- what can be done to it ------------------------------------------------------------ */

static void do_read(struct run *run, int fd, const char *where)
{
	size_t at, length, there;
	ssize_t n;

	pick(run, MOST, &at, &length);
	note(run, "read %zu at %zu %s", length, at, where);
	n = pread(fd, run->buf, length, (off_t)at);
	there = at < run->model.size ? run->model.size - at : 0;
	check(run, n == (ssize_t)(there < length ? there : length), "length of a read");
	check(run, memcmp(run->buf, run->model.bytes + at, (size_t)n) == 0, "bytes of a read");
}

static void do_write(struct run *run, int fd, const char *where)
{
	size_t at, length;

	pick(run, run->model.fixed ? run->model.size : MOST, &at, &length);
	note(run, "write %zu at %zu %s", length, at, where);
	fill(run, length);
	check(run, pwrite(fd, run->buf, length, (off_t)at) == (ssize_t)length, "a write");
	model_write(run, at, length);
}

static void do_truncate(struct run *run, bool directly)
{
	size_t size = below(run, MOST);

	if (run->model.fixed)
		return;
	note(run, "truncate to %zu%s", size, directly ? " directly" : "");
	check(run, truncate(directly ? run->direct : run->path, (off_t)size) == 0, "a truncate");
	model_resize(run, size);
}

static void do_punch(struct run *run)
{
	size_t at, length;

	pick(run, run->model.size, &at, &length);
	if (length == 0)
		return;
	note(run, "punch %zu at %zu", length, at);
	check(run,
	      fallocate(run->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
			(off_t)length) == 0,
	      "a hole");
	memset(run->model.bytes + at, 0, length);
}

static void do_allocate(struct run *run)
{
	size_t at, length;

	pick(run, run->model.fixed ? run->model.size : MOST, &at, &length);
	if (length == 0)
		return;
	note(run, "allocate %zu at %zu", length, at);
	check(run, fallocate(run->fd, 0, (off_t)at, (off_t)length) == 0, "an allocation");
	if (at + length > run->model.size)
		run->model.size = at + length;
}

static void do_map(struct run *run, const char *path)
{
	size_t at, length;
	unsigned char *addr;

	pick(run, run->model.size, &at, &length);
	if (length == 0 || (path == run->path && !run->model.maps))
		return;
	note(run, "map, look at and write %zu at %zu %s", length, at, path);
	fill(run, length);
	addr = map_file(path, run->model.size, PROT_READ | PROT_WRITE);
	check(run, memcmp(addr, run->model.bytes, run->model.size) == 0, "bytes of a mapping");
	memcpy(addr + at, run->buf, length);
	munmap(addr, run->model.size);
	model_write(run, at, length);
}

static void do_attached(struct run *run)
{
	size_t at, length;

	pick(run, run->model.size, &at, &length);
	note(run, "look at and write %zu at %zu in the attach", length, at);
	fill(run, length);
	check(run, memcmp(run->attached, run->model.bytes, run->model.size) == 0,
	      "bytes of the attach");
	memcpy(run->attached + at, run->buf, length);
	model_write(run, at, length);
}

static void do_append(struct run *run)
{
	size_t length = 1 + below(run, 200);
	int fd;

	if (run->model.fixed || run->model.size + length > MOST)
		return;
	note(run, "append %zu", length);
	fill(run, length);
	fd = open_file(run->path, O_WRONLY | O_APPEND);
	check(run, write(fd, run->buf, length) == (ssize_t)length, "an append");
	close(fd);
	model_write(run, run->model.size, length);
}

static void do_stat(struct run *run)
{
	struct stat st;

	note(run, "stat");
	check(run, fstat(run->fd, &st) == 0 && st.st_size == (off_t)run->model.size, "the size");
	check(run, lseek(run->fd, 0, SEEK_END) == (off_t)run->model.size, "the end");
}

static void do_reopen(struct run *run)
{
	note(run, "reopen");
	close(run->fd);
	run->fd = open_file(run->path, O_RDWR);
}

static void do_directly(struct run *run)
{
	int fd;

	if (run->attached) {
		do_attached(run);
		return;
	}
	fd = open_file(run->direct, O_RDWR);
	switch (below(run, 4)) {
	case 0:
		do_read(run, fd, "directly");
		break;
	case 1:
		do_write(run, fd, "directly");
		break;
	case 2:
		do_map(run, run->direct);
		break;
	default:
		do_truncate(run, true);
	}
	close(fd);
}

static void do_something(struct run *run)
{
	switch (below(run, 14)) {
	case 0 ... 2:
		do_read(run, run->fd, "");
		break;
	case 3 ... 5:
		do_write(run, run->fd, "");
		break;
	case 6:
		do_map(run, run->path);
		break;
	case 7:
		do_truncate(run, false);
		break;
	case 8:
		do_punch(run);
		break;
	case 9:
		do_allocate(run);
		break;
	case 10:
		do_append(run);
		break;
	case 11:
		below(run, 4) ? do_stat(run) : do_reopen(run);
		break;
	default:
		do_directly(run);
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void run_for_a_while(struct run *run)
{
	const char *given = getenv("SEGFS_TEST_SEED");
	const int64_t end = now_ms() + MILLISECONDS;

	run->seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)now_ms();
	print_message("  SEGFS_TEST_SEED=%u\n", run->seed);
	run->fd = open_file(run->path, O_RDWR);
	for (run->step = 0; run->step % 64 || now_ms() < end; run->step++)
		do_something(run);
	print_message("  %u steps\n", run->step);
	close(run->fd);
	free(run);
}

static void posix_bytes_are_right(struct mounted *m, bool maps)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->path = m->path;
	run->direct = m->direct;
	run->model.maps = maps;
	close(create_file(m->path, 0600));
	run_for_a_while(run);
}

static void sysv_bytes_are_right(struct mounted *m, bool maps)
{
	struct run *run = calloc(1, sizeof(*run));
	struct seg *seg = create_seg(m->ref, MOST - 100, 0);

	assert_non_null(run);
	run->path = m->path;
	run->attached = map_seg(seg, 0, 0, 0);
	run->model.fixed = true;
	run->model.size = MOST - 100;
	run->model.maps = maps;
	run_for_a_while(run);
	seg_close(seg);
}

static void every_byte_is_the_one_that_was_written(void **state)
{
	struct mounted *m = *state;

	(m->f->kind == SEG_POSIX ? posix_bytes_are_right : sysv_bytes_are_right)(m, true);
}

static void and_without_passthrough_too(void **state)
{
	struct mounted *m = *state;

	(m->f->kind == SEG_POSIX ? posix_bytes_are_right : sysv_bytes_are_right)(m, false);
}

static int setup_without_passthrough(void **state)
{
	return mounted_setup_with(state, "nopassthrough");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(every_byte_is_the_one_that_was_written),
		TEST_WITH(setup_without_passthrough, and_without_passthrough_too, "posix",
			  SEG_POSIX),
		TEST_WITH(setup_without_passthrough, and_without_passthrough_too, "sysv", SEG_SYSV),
	};

	return RUN_MOUNTED(tests);
}
