// SPDX-License-Identifier: MIT
/* Cutting a segment that somebody else maps is refused, by whatever way it comes. */
#include "mounted.h"

#define SIZE (4 * PAGE)

static void fill(struct mounted *m)
{
	struct seg *seg = create_seg(m->ref, SIZE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	memset(addr, 'x', SIZE);
	assert_ok(seg_unmap(addr, SIZE));
	seg_close(seg);
}

static int copy_over(const char *path)
{
	char command[2 * PATH_MAX];

	snprintf(command, sizeof(command), "cp /dev/null %s 2>/dev/null", path);
	return system(command);
}

/* Each way to cut it, and none that has done anything. */
static void assert_not_cut(struct mounted *m)
{
	int fd = open_file(m->path, O_RDWR);

	assert_int_equal(try(ftruncate(fd, 1)), -EBUSY);
	close(fd);
	assert_int_equal(try(truncate(m->path, 0)), -EBUSY);
	assert_int_equal(try_open(m->path, O_RDWR | O_TRUNC, 0), -EBUSY);
	assert_int_equal(try_open(m->path, O_WRONLY | O_CREAT | O_TRUNC, 0600), -EBUSY);
	assert_int_not_equal(copy_over(m->path), 0);
	assert_int_equal(stat_path(m->path).st_size, SIZE);
	assert_int_equal(stat_path(m->direct).st_size, SIZE);
}

/* And each is as on tmpfs where nobody maps it. */
static void assert_all_cut(struct mounted *m)
{
	int fd = open_file(m->path, O_RDWR);

	assert_ok(ftruncate(fd, 3 * (off_t)PAGE));
	assert_int_equal(stat_path(m->direct).st_size, 3 * PAGE);
	close(fd);
	assert_ok(truncate(m->path, 2 * (off_t)PAGE));
	assert_int_equal(stat_path(m->path).st_size, 2 * PAGE);
	assert_ok(try_open(m->path, O_WRONLY | O_TRUNC, 0));
	assert_int_equal(stat_path(m->path).st_size, 0);
}

static void assert_all_cut_by_cp_too(struct mounted *m)
{
	assert_all_cut(m);
	write_file(m->path, "again");
	assert_int_equal(copy_over(m->path), 0);
	assert_int_equal(stat_path(m->direct).st_size, 0);
}

static void mapped_by_a_peer(struct mounted *m, const char *ref, unsigned flags)
{
	struct peer *peer = peer_start(m->f, NULL);

	fill(m);
	assert_ok(peer_open(peer, ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	assert_not_cut(m);
	assert_int_equal(peer_read(peer, SIZE - 1), 'x');
	peer_kill(peer);
	assert_all_cut_by_cp_too(m);
}

static void mapped_through_the_mount(void **state)
{
	struct mounted *m = *state;

	mapped_by_a_peer(m, m->path, 0);
}

static void mapped_for_reading_through_the_mount(void **state)
{
	struct mounted *m = *state;

	mapped_by_a_peer(m, m->path, SEG_READ_ONLY);
}

static void mapped_directly(void **state)
{
	struct mounted *m = *state;

	mapped_by_a_peer(m, m->ref, 0);
}

static void mapped_for_reading_directly(void **state)
{
	struct mounted *m = *state;

	mapped_by_a_peer(m, m->ref, SEG_READ_ONLY);
}

static int do_adopt(struct peer_self *self, const struct peer_args *args)
{
	self->addr = (unsigned char *)args->offset;
	self->length = args->length;
	return 0;
}

static void mapped_by_a_child_that_inherited_it(void **state)
{
	struct mounted *m = *state;
	struct peer_args args = { .length = SIZE };
	unsigned char *addr;
	struct peer *child;

	fill(m);
	addr = map_file(m->path, SIZE, PROT_READ | PROT_WRITE);
	child = peer_start(m->f, NULL);
	munmap(addr, SIZE);
	args.offset = (uintptr_t)addr;
	assert_ok(peer_do(child, do_adopt, &args));
	assert_not_cut(m);
	assert_int_equal(peer_read(child, SIZE - 1), 'x');
	peer_kill(child);
	assert_all_cut_by_cp_too(m);
}

static void ones_own_mapping_is_ones_own_affair(void **state)
{
	struct mounted *m = *state;
	unsigned char *mounted, *direct;

	fill(m);
	mounted = map_file(m->path, SIZE, PROT_READ | PROT_WRITE);
	direct = map_file(m->direct, SIZE, PROT_READ);
	assert_all_cut(m);
	munmap(mounted, SIZE);
	munmap(direct, SIZE);
}

static void open_and_not_mapped_is_cut_as_on_tmpfs(void **state)
{
	struct mounted *m = *state;
	struct peer *direct = peer_start(m->f, NULL), *mounted = peer_start(m->f, NULL);

	fill(m);
	assert_ok(peer_open(direct, m->ref, 0));
	assert_ok(peer_open(mounted, m->path, 0));
	assert_all_cut_by_cp_too(m);
}

static void growing_is_never_refused(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);

	fill(m);
	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_ok(truncate(m->path, (off_t)SIZE));
	assert_ok(truncate(m->path, 2 * (off_t)SIZE));
	assert_int_equal(stat_path(m->direct).st_size, 2 * SIZE);
	assert_int_equal(peer_read(peer, 0), 'x');
}

static int shrink_as_somebody(void *arg)
{
	return try(truncate(arg, 1));
}

/* The daemon sees every process, so it can tell for anybody. */
static void a_person_is_told_as_exactly_as_root(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);

	fill(m);
	assert_ok(chmod(m->path, 0666));
	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_int_equal(child_run(&somebody, shrink_as_somebody, (void *)m->path), -EBUSY);
	assert_ok(peer_unmap(peer));
	assert_ok(child_run(&somebody, shrink_as_somebody, (void *)m->path));
}

static void libseg_keeps_the_rule_by_a_path_on_the_mount(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg;

	fill(m);
	seg = open_seg(m->path, 0);
	assert_ok(peer_open(peer, m->ref, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_int_equal(seg_resize(seg, PAGE, 0), -EBUSY);
	assert_int_equal(peer_read(peer, SIZE - 1), 'x');
	peer_kill(peer);
	assert_ok(seg_resize(seg, PAGE, 0));
	assert_int_equal(stat_path(m->direct).st_size, PAGE);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(mapped_through_the_mount),
		MOUNTED_POSIX(mapped_for_reading_through_the_mount),
		MOUNTED_POSIX(mapped_directly),
		MOUNTED_POSIX(mapped_for_reading_directly),
		MOUNTED_POSIX(mapped_by_a_child_that_inherited_it),
		MOUNTED_POSIX(ones_own_mapping_is_ones_own_affair),
		MOUNTED_POSIX(open_and_not_mapped_is_cut_as_on_tmpfs),
		MOUNTED_POSIX(growing_is_never_refused),
		MOUNTED_POSIX(a_person_is_told_as_exactly_as_root),
		MOUNTED_POSIX(libseg_keeps_the_rule_by_a_path_on_the_mount),
	};

	return RUN_MOUNTED(tests);
}
