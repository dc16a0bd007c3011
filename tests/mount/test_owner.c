// SPDX-License-Identifier: MIT
/* Whose a new segment is, and who may do what to whose. */
#include <grp.h>
#include <sys/shm.h>

#include "mounted.h"

static const struct child_setting somebody = { .uid = SOMEBODY };
static const struct child_setting other = { .uid = SOMEBODY + 1 };

struct wish {
	const char *path, *to;
	mode_t mask, mode;
	off_t size;
};

static int create_it(void *arg)
{
	const struct wish *wish = arg;
	int fd;

	umask(wish->mask);
	fd = open(wish->path, O_CREAT | O_EXCL | O_RDWR, wish->mode);
	return fd < 0 ? -errno : wish->size ? try(ftruncate(fd, wish->size)) : 0;
}

static void created_by_somebody(struct mounted *m, mode_t mode)
{
	struct wish wish = { .path = m->path, .mode = mode, .size = 4096 };

	assert_ok(child_run(&somebody, create_it, &wish));
}

static void a_new_segment_belongs_to_its_creator(void **state)
{
	struct mounted *m = *state;
	struct stat st;

	created_by_somebody(m, 0640);
	st = stat_path(m->direct);
	assert_int_equal(st.st_uid, SOMEBODY);
	assert_int_equal(st.st_gid, SOMEBODY);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(stat_path(m->path).st_uid, SOMEBODY);
}

static void a_new_sysv_segment_belongs_to_its_creator(void **state)
{
	struct mounted *m = *state;
	struct seg_stat st;

	created_by_somebody(m, 0640);
	st = stat_seg(m->ref);
	assert_int_equal(st.uid, SOMEBODY);
	assert_int_equal(st.gid, SOMEBODY);
	assert_int_equal(st.cuid, SOMEBODY);
	assert_int_equal(st.cgid, SOMEBODY);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(st.size, 4096);
	assert_int_equal(stat_path(m->path).st_uid, SOMEBODY);
	assert_int_equal(stat_path(m->path).st_gid, SOMEBODY);
}

static void the_umask_of_the_creator_applies(void **state)
{
	static const mode_t masks[] = { 0, 022, 027, 077, 0177 };
	struct mounted *m = *state;

	for (size_t i = 0; i < 5; i++) {
		struct wish wish = { m->path, NULL, masks[i], 0777, 4096 };

		assert_ok(child_run(&somebody, create_it, &wish));
		assert_int_equal(stat_path(m->path).st_mode, S_IFREG | (0777 & ~masks[i]));
		assert_int_equal(stat_seg(m->ref).mode, 0777 & ~masks[i]);
		assert_ok(unlink(m->path));
	}
}

static int open_reading(void *arg)
{
	return try_open(((struct wish *)arg)->path, O_RDONLY, 0);
}

static int open_writing(void *arg)
{
	return try_open(((struct wish *)arg)->path, O_RDWR, 0);
}

static int chmod_it(void *arg)
{
	return try(chmod(((struct wish *)arg)->path, 0666));
}

static int chown_it(void *arg)
{
	return try(chown(((struct wish *)arg)->path, getuid(), (gid_t)-1));
}

static int truncate_it(void *arg)
{
	return try(truncate(((struct wish *)arg)->path, 1));
}

static int touch_it(void *arg)
{
	static const struct timespec old[] = { { 1, 0 }, { 1, 0 } };

	return try(utimensat(AT_FDCWD, ((struct wish *)arg)->path, old, 0));
}

static int remove_it(void *arg)
{
	return try(unlink(((struct wish *)arg)->path));
}

static int rename_it(void *arg)
{
	struct wish *wish = arg;

	return try(rename(wish->path, wish->to));
}

static int replace_it(void *arg)
{
	struct wish *wish = arg;

	return try(rename(wish->to, wish->path));
}

static int stat_it(void *arg)
{
	struct stat st;

	return try(stat(((struct wish *)arg)->path, &st));
}

static void a_private_segment_is_closed_to_others(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path };

	created_by_somebody(m, 0600);
	assert_ok(child_run(&other, stat_it, &wish)); /* as ls shows it */
	assert_int_equal(child_run(&other, open_reading, &wish), -EACCES);
	assert_int_equal(child_run(&other, open_writing, &wish), -EACCES);
	assert_int_equal(child_run(&other, truncate_it, &wish), -EACCES);
	assert_int_equal(child_run(&other, chmod_it, &wish), -EPERM);
	assert_int_equal(child_run(&other, chown_it, &wish), -EPERM);
	assert_int_equal(child_run(&other, touch_it, &wish), -EPERM);
	assert_int_equal(child_run(&other, remove_it, &wish), -EPERM);
	assert_ok(child_run(&somebody, open_writing, &wish));
	assert_ok(child_run(&somebody, chmod_it, &wish));
	assert_ok(child_run(&other, open_writing, &wish));
	assert_ok(child_run(&somebody, remove_it, &wish));
}

static void roots_segment_is_roots(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path };

	seg_close(create_seg(m->ref, 4096, 0)); /* 0600 */
	assert_int_equal(child_run(&somebody, open_reading, &wish), -EACCES);
	assert_int_equal(child_run(&somebody, open_writing, &wish), -EACCES);
	assert_int_equal(child_run(&somebody, chmod_it, &wish), -EPERM);
	assert_int_equal(child_run(&somebody, remove_it, &wish), -EPERM);
	assert_ok(chmod(m->path, 0604));
	assert_ok(child_run(&somebody, open_reading, &wish));
	assert_int_equal(child_run(&somebody, open_writing, &wish), -EACCES);
	assert_ok(chown(m->path, SOMEBODY, SOMEBODY));
	assert_ok(child_run(&somebody, open_writing, &wish));
	assert_ok(child_run(&somebody, remove_it, &wish));
}

static void permission_goes_by_what_the_segment_says_now(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path };
	struct seg *seg = create_seg(m->ref, 4096, SEG_PATH);

	assert_int_equal(child_run(&somebody, open_writing, &wish), -EACCES);
	assert_ok(seg_chmod(seg, 0666)); /* behind the mount's back */
	assert_ok(child_run(&somebody, open_writing, &wish));
	assert_ok(seg_chmod(seg, 0600));
	assert_int_equal(child_run(&somebody, open_writing, &wish), -EACCES);
	seg_close(seg);
}

static void the_sticky_bit_keeps_names_from_others(void **state)
{
	struct mounted *m = *state;
	const char *theirs = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	struct wish wish = { .path = m->path, .to = path_of(m, "%s-new", m->path) };
	struct wish their_wish = { .path = theirs, .mode = 0666 };
	struct wish onto = { .path = m->path, .to = theirs };

	created_by_somebody(m, 0666);
	assert_ok(child_run(&other, create_it, &their_wish));
	assert_int_equal(child_run(&other, remove_it, &wish), -EPERM);
	assert_int_equal(child_run(&other, rename_it, &wish), -EPERM);
	assert_int_equal(child_run(&other, replace_it, &onto), -EPERM);
	assert_ok(child_run(&somebody, rename_it, &wish));
	assert_ok(unlink(wish.to)); /* root may */
}

static int link_it(void *arg)
{
	struct wish *wish = arg;

	return try(link(wish->path, wish->to));
}

/* As protected_hardlinks has it on /dev/shm itself. */
static void others_segments_are_not_linked(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path, .to = path_of(m, "%s-new", m->path) };
	struct wish direct = { .path = m->direct, .to = path_of(m, "%s-new", m->direct) };

	created_by_somebody(m, 0600);
	assert_int_equal(child_run(&other, link_it, &wish), child_run(&other, link_it, &direct));
	assert_int_equal(stat_path(m->path).st_nlink, 1);
	assert_ok(child_run(&somebody, link_it, &wish));
	assert_int_equal(stat_path(wish.to).st_uid, SOMEBODY);
}

static int open_with_o_creat(void *arg)
{
	struct wish *wish = arg;

	return try_open(wish->path, O_CREAT | O_RDWR, 0600);
}

/* As protected_regular has it. */
static void others_segments_are_opened_with_o_creat_as_in_dev_shm(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path }, direct = { .path = m->direct };

	created_by_somebody(m, 0666);
	assert_ok(chmod(m->direct, 0666));
	assert_int_equal(child_run(&other, open_with_o_creat, &wish),
			 child_run(&other, open_with_o_creat, &direct));
	assert_int_equal(try_open(m->path, O_CREAT | O_RDWR, 0600),
			 try_open(m->direct, O_CREAT | O_RDWR, 0600));
}

static void nobody_creates_where_dev_shm_does_not_let_them(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path };

	assert_ok(chmod("/dev/shm", 0755));
	assert_int_equal(child_run(&somebody, open_with_o_creat, &wish), -EACCES);
	assert_ok(chmod("/dev/shm", 01777));
	assert_ok(child_run(&somebody, open_with_o_creat, &wish));
}

static int is_group_member_reading(void *arg)
{
	struct wish *wish = arg;
	const gid_t group = 777;

	if (setgroups(1, &group) < 0 || setresgid(1, 1, 1) < 0 || setresuid(1, 1, 1) < 0)
		return -errno;
	return try_open(wish->path, O_RDONLY, 0);
}

static void a_supplementary_group_counts(void **state)
{
	struct mounted *m = *state;
	struct wish wish = { .path = m->path };

	seg_close(create_seg(m->ref, 4096, 0));
	assert_ok(chown(m->path, SOMEBODY, 777));
	assert_int_equal(child_run(NULL, is_group_member_reading, &wish), -EACCES);
	assert_ok(chmod(m->path, 0640));
	assert_ok(child_run(NULL, is_group_member_reading, &wish));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(a_new_segment_belongs_to_its_creator),
		MOUNTED_SYSV(a_new_sysv_segment_belongs_to_its_creator),
		MOUNTED_BOTH(the_umask_of_the_creator_applies),
		MOUNTED_POSIX(a_private_segment_is_closed_to_others),
		MOUNTED_BOTH(roots_segment_is_roots),
		MOUNTED_BOTH(permission_goes_by_what_the_segment_says_now),
		MOUNTED_POSIX(the_sticky_bit_keeps_names_from_others),
		MOUNTED_POSIX(others_segments_are_not_linked),
		MOUNTED_POSIX(others_segments_are_opened_with_o_creat_as_in_dev_shm),
		MOUNTED_POSIX(nobody_creates_where_dev_shm_does_not_let_them),
		MOUNTED_BOTH(a_supplementary_group_counts),
	};

	return RUN_MOUNTED(tests);
}
