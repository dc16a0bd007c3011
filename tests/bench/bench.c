/* SPDX-License-Identifier: MIT */
/*
 * One row of scripts/bench in one directory: prints what one operation costs,
 * in nanoseconds. Names are relative to the directory, so that no directory
 * pays for its path. What a row needs is made, and removed, outside its time.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "seg.h"

#define BIG_SIZE ((size_t)256 << 20)
#define PAGE     ((size_t)4096)
#define IO_PAGES 1024
#define BATCHES  20
#define LS_FILES 5000
#define GC_FILES 10000

struct bench {
	const char *prefix; /* of the names of all files made here */
	int fd;             /* of the row's one file, where it has one */
	struct seg *seg;    /* the same by libseg */
	char page[PAGE];
};

typedef void op_fn(struct bench *b, unsigned i);

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

/* The median of batches: the clock is read rarely, and one hiccup counts once. */
static double time_op(struct bench *b, op_fn *op, unsigned per_batch)
{
	double ns[BATCHES];

	for (unsigned batch = 0; batch < BATCHES; batch++) {
		double start = now_ns();

		for (unsigned i = 0; i < per_batch; i++)
			op(b, batch * per_batch + i);
		ns[batch] = (now_ns() - start) / per_batch;
	}
	return median(ns, BATCHES);
}

struct name {
	char bytes[256];
};

static struct name name_of(const struct bench *b, unsigned i)
{
	struct name name;

	snprintf(name.bytes, sizeof(name.bytes), "%s-%u", b->prefix, i);
	return name;
}

static void op_create(struct bench *b, unsigned i)
{
	struct name name = name_of(b, i);
	int fd = open(name.bytes, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, PAGE) < 0 || close(fd) < 0)
		err(1, "create %s", name.bytes);
}

static void op_unlink(struct bench *b, unsigned i)
{
	struct name name = name_of(b, i);

	if (unlink(name.bytes) < 0)
		err(1, "unlink %s", name.bytes);
}

static void op_stat(struct bench *b, unsigned i)
{
	struct name name = name_of(b, 0);
	struct stat st;

	(void)i;
	if (stat(name.bytes, &st) < 0)
		err(1, "stat %s", name.bytes);
}

static void op_map(struct bench *b, unsigned i)
{
	struct name name = name_of(b, 0);
	int fd = open(name.bytes, O_RDWR | O_CLOEXEC);
	volatile char *p;

	if (fd < 0)
		err(1, "open %s", name.bytes);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap %s", name.bytes);
	*p = (char)i;
	if (munmap((void *)p, PAGE) < 0 || close(fd) < 0)
		err(1, "close %s", name.bytes);
}

/* Any page of the file but the next one. */
static off_t io_offset(unsigned i)
{
	return (off_t)(i * 397 % IO_PAGES) * (off_t)PAGE;
}

static void op_pread(struct bench *b, unsigned i)
{
	if (pread(b->fd, b->page, PAGE, io_offset(i)) != (ssize_t)PAGE)
		err(1, "pread");
}

static void op_pwrite(struct bench *b, unsigned i)
{
	if (pwrite(b->fd, b->page, PAGE, io_offset(i)) != (ssize_t)PAGE)
		err(1, "pwrite");
}

static void each(struct bench *b, op_fn *op, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		op(b, i);
}

static double row_create(struct bench *b)
{
	double ns = time_op(b, op_create, 100);

	each(b, op_unlink, 100 * BATCHES);
	return ns;
}

static double row_unlink(struct bench *b)
{
	each(b, op_create, 100 * BATCHES);
	return time_op(b, op_unlink, 100);
}

static double with_file(struct bench *b, op_fn *op, unsigned per_batch)
{
	double ns;

	op_create(b, 0);
	ns = time_op(b, op, per_batch);
	op_unlink(b, 0);
	return ns;
}

static double row_stat(struct bench *b)
{
	return with_file(b, op_stat, 200);
}

static double row_map(struct bench *b)
{
	return with_file(b, op_map, 100);
}

static double with_io(struct bench *b, op_fn *op)
{
	double ns;

	op_create(b, 0);
	b->fd = open(name_of(b, 0).bytes, O_RDWR | O_CLOEXEC);
	if (b->fd < 0)
		err(1, "open");
	each(b, op_pwrite, IO_PAGES);
	ns = time_op(b, op, 1000);
	close(b->fd);
	op_unlink(b, 0);
	return ns;
}

static double row_pread(struct bench *b)
{
	return with_io(b, op_pread);
}

static double row_pwrite(struct bench *b)
{
	return with_io(b, op_pwrite);
}

static char *map_big(struct bench *b)
{
	int fd;
	char *p;

	op_create(b, 0);
	fd = open(name_of(b, 0).bytes, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)BIG_SIZE) < 0)
		err(1, "ftruncate");
	p = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	return p;
}

static void unmap_big(struct bench *b, char *p)
{
	munmap(p, BIG_SIZE);
	op_unlink(b, 0);
}

static double row_memset(struct bench *b)
{
	double ns[BATCHES];
	char *p = map_big(b);

	memset(p, 1, BIG_SIZE);
	for (int i = 0; i < BATCHES; i++) {
		double start = now_ns();

		memset(p, i, BIG_SIZE);
		__asm__ volatile("" : : "r"(p) : "memory");
		ns[i] = now_ns() - start;
	}
	unmap_big(b, p);
	return median(ns, BATCHES);
}

/* One byte a page: the page faults, and the zeroing that is part of them. */
static double row_touch(struct bench *b)
{
	double ns[3];

	for (int i = 0; i < 3; i++) {
		volatile char *p = map_big(b);
		double start = now_ns();

		for (size_t at = 0; at < BIG_SIZE; at += PAGE)
			p[at] = 1;
		ns[i] = now_ns() - start;
		unmap_big(b, (char *)p);
	}
	return median(ns, 3);
}

static void run_ls(void)
{
	char *argv[] = { "ls", "-l", NULL };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (errno != 0 || waitpid(pid, &status, 0) != pid)
		err(1, "ls -l");
	if (status != 0)
		errx(1, "ls -l failed");
	posix_spawn_file_actions_destroy(&actions);
}

static double row_ls(struct bench *b)
{
	double ns[3];

	each(b, op_create, LS_FILES);
	for (int i = 0; i < 3; i++) {
		double start = now_ns();

		run_ls();
		ns[i] = now_ns() - start;
	}
	each(b, op_unlink, LS_FILES);
	return median(ns, 3);
}

/* By libseg, which takes a path for a file: the directory may be a mount. */
static struct name ref_of(const struct bench *b, unsigned i)
{
	struct name ref;

	snprintf(ref.bytes, sizeof(ref.bytes), "./%s-%u", b->prefix, i);
	return ref;
}

static void check(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, strerror(-r));
}

static void op_in_use(struct bench *b, unsigned i)
{
	(void)i;
	check(seg_in_use(b->seg), "seg_in_use");
}

static void op_destroy(struct bench *b, unsigned i)
{
	struct name ref = ref_of(b, i);

	check(seg_destroy(ref.bytes, SEG_IF_UNUSED), ref.bytes);
}

static double row_in_use(struct bench *b)
{
	double ns;

	op_create(b, 0);
	check(seg_open(ref_of(b, 0).bytes, SEG_PATH, &b->seg), "seg_open");
	ns = time_op(b, op_in_use, 200);
	b->seg = seg_close(b->seg);
	op_unlink(b, 0);
	return ns;
}

static double row_in_use_busy(struct bench *b)
{
	struct seg *user;
	double ns;

	op_create(b, 0);
	check(seg_open(ref_of(b, 0).bytes, 0, &user), "seg_open");
	check(seg_open(ref_of(b, 0).bytes, SEG_PATH, &b->seg), "seg_open");
	ns = time_op(b, op_in_use, 200);
	b->seg = seg_close(b->seg);
	seg_close(user);
	op_unlink(b, 0);
	return ns;
}

static double row_destroy(struct bench *b)
{
	each(b, op_create, 100 * BATCHES);
	return time_op(b, op_destroy, 100);
}

static double collect(struct bench *b)
{
	char pattern[sizeof(struct name) + 8];
	const struct seg_gc_filter filter = { .kind = SEG_POSIX,
					      .pattern = pattern,
					      .uid = (uid_t)-1 };
	struct seg_store *store;
	double start;
	int count;

	snprintf(pattern, sizeof(pattern), "/%s-*", b->prefix);
	check(seg_store_open(".", &store), "seg_store_open");
	start = now_ns();
	count = seg_gcat(store, &filter, NULL, NULL);
	start = now_ns() - start;
	seg_store_close(store);
	if (count != GC_FILES)
		errx(1, "gc took %d of %d", count, GC_FILES);
	return start;
}

static double row_gc(struct bench *b)
{
	double ns[3];

	for (int i = 0; i < 3; i++) {
		each(b, op_create, GC_FILES);
		ns[i] = collect(b);
	}
	return median(ns, 3);
}

static const struct row {
	const char *name;
	double (*run)(struct bench *b);
} rows[] = {
	{ "memset", row_memset }, { "touch", row_touch },      { "pread", row_pread },
	{ "pwrite", row_pwrite }, { "map", row_map },          { "stat", row_stat },
	{ "create", row_create }, { "unlink", row_unlink },    { "ls", row_ls },
	{ "inuse", row_in_use },  { "busy", row_in_use_busy }, { "destroy", row_destroy },
	{ "gc", row_gc },
};

int main(int argc, char **argv)
{
	static struct bench b;

	if (argc != 4)
		errx(2, "usage: segfs-bench ROW DIRECTORY PREFIX");
	if (chdir(argv[2]) < 0)
		err(1, "%s", argv[2]);
	b.prefix = argv[3];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(argv[1], rows[i].name) == 0) {
			printf("%.1f\n", rows[i].run(&b));
			return 0;
		}
	}
	errx(2, "no such row: %s", argv[1]);
}
