// SPDX-License-Identifier: MIT
/* Mode, owner, times and extended attributes, by every sort of handle. */
#include <linux/limits.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "child.h"
#include "fixture.h"

static void the_mode_can_be_changed(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, 0), *reader = open_seg(f->ref, SEG_READ_ONLY);

	assert_ok(seg_chmod(seg, 0644));
	assert_int_equal(stat_seg(f->ref).mode, 0644);
	assert_ok(seg_chmod(reader, 0600));
	assert_int_equal(stat_seg(f->ref).mode, 0600);
	assert_int_equal(seg_chmod(seg, S_IFREG | 0644), -EINVAL);
	assert_int_equal(stat_seg(f->ref).mode, 0600);
	seg_close(reader);
	seg_close(seg);
}

static void the_owner_can_be_changed(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, 1, 0);
	assert_ok(seg_chown(seg, 1, 2));
	assert_int_equal(stat_seg(f->ref).uid, 1);
	assert_int_equal(stat_seg(f->ref).gid, 2);
	assert_ok(seg_chown(seg, (uid_t)-1, 3));
	assert_ok(seg_chown(seg, 4, (gid_t)-1));
	assert_int_equal(stat_seg(f->ref).uid, 4);
	assert_int_equal(stat_seg(f->ref).gid, 3);
	seg_close(seg);
}

static void the_times_can_be_set(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = { { 1000, 1 }, { 2000, 2 } };
	struct seg *seg = create_seg(f->ref, 1, 0);

	assert_ok(seg_utimens(seg, times));
	assert_int_equal(stat_seg(f->ref).atime.tv_sec, 1000);
	assert_int_equal(stat_seg(f->ref).mtime.tv_sec, 2000);
	assert_int_equal(stat_seg(f->ref).mtime.tv_nsec, 2);
	seg_close(seg);
}

static void sysv_keeps_its_own_times(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = { { 1000, 1 }, { 2000, 2 } };
	struct seg *seg = create_seg(f->ref, 1, 0);

	assert_int_equal(seg_utimens(seg, times), -EOPNOTSUPP);
	assert_int_equal(stat_seg(f->ref).atime.tv_sec, 0);
	seg_close(seg);
}

static void a_path_handle_changes_them_too(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = { { 1000, 1 }, { 2000, 2 } };
	struct seg *seg;

	if (f->kind == SEG_SYSV)
		need_root();
	seg = create_seg(f->ref, 1, SEG_PATH);
	assert_ok(seg_chmod(seg, 0604));
	assert_ok(seg_chown(seg, geteuid(), getegid()));
	assert_int_equal(seg_utimens(seg, times), f->kind == SEG_SYSV ? -EOPNOTSUPP : 0);
	assert_int_equal(stat_seg(f->ref).mode, 0604);
	seg_close(seg);
}

static int change_as_somebody(void *arg)
{
	const struct timespec times[2] = { { 1000, 1 }, { 2000, 2 } };
	struct seg *seg = NULL;
	int r = seg_open(arg, SEG_READ_ONLY, &seg);

	if (r < 0)
		return r;
	if (seg_chmod(seg, 0666) != -EPERM || seg_chown(seg, SOMEBODY, SOMEBODY) != -EPERM)
		r = 1;
	if (seg_kind(seg) != SEG_SYSV && seg_utimens(seg, times) != -EPERM)
		r = 2;
	seg_close(seg);
	return r;
}

static void only_the_owner_may_change_them(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, 1, 0);
	assert_ok(seg_chmod(seg, 0644));
	assert_ok(
		child_run(&(struct child_setting){ .uid = SOMEBODY }, change_as_somebody, f->ref));
	assert_int_equal(stat_seg(f->ref).mode, 0644);
	assert_int_equal(stat_seg(f->ref).uid, 0);
	seg_close(seg);
}

static void a_removed_sysv_segment_has_no_attributes_to_change(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, 0);
	struct seg_stat stat;

	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(seg_chmod(seg, 0644), -ENOENT);
	assert_int_equal(seg_chown(seg, geteuid(), getegid()), -ENOENT);
	assert_int_equal(seg_fstat(seg, &stat), -ENOENT);
	seg_close(seg);
}

static void extended_attributes_go_round(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, 0);
	char value[8] = "", names[64] = "";
	int r = seg_setxattr(seg, "user.segfs", "value", 5, XATTR_CREATE);

	if (r == -EOPNOTSUPP)
		skip_because("no user. attributes here (tmpfs: since Linux 6.6)");
	assert_ok(r);
	assert_int_equal(seg_setxattr(seg, "user.segfs", "x", 1, XATTR_CREATE), -EEXIST);
	assert_int_equal(seg_getxattr(seg, "user.segfs", NULL, 0), 5);
	assert_int_equal(seg_getxattr(seg, "user.segfs", value, sizeof(value)), 5);
	assert_string_equal(value, "value");
	assert_int_equal(seg_listxattr(seg, names, sizeof(names)), sizeof("user.segfs"));
	assert_string_equal(names, "user.segfs");
	assert_ok(seg_removexattr(seg, "user.segfs"));
	assert_int_equal(seg_listxattr(seg, names, sizeof(names)), 0);
	seg_close(seg);
}

static void extended_attributes_have_the_errors_of_the_system_calls(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, SEG_PATH);
	static char huge[XATTR_SIZE_MAX + 1];
	char value[2];

	assert_int_equal(seg_getxattr(seg, "user.none", value, 2), -ENODATA);
	assert_int_equal(seg_removexattr(seg, "user.none"), -ENODATA);
	assert_int_equal(seg_setxattr(seg, "user.x", huge, sizeof(huge), 0), -E2BIG);
	assert_int_equal(seg_setxattr(seg, "nowhere.x", "v", 1, 0), -EOPNOTSUPP);
	if (seg_setxattr(seg, "user.x", "value", 5, 0) == 0)
		assert_int_equal(seg_getxattr(seg, "user.x", value, 2), -ERANGE);
	seg_close(seg);
}

static void sysv_has_no_extended_attributes(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, 0);
	char buf[8];

	assert_int_equal(seg_getxattr(seg, "user.x", buf, sizeof(buf)), -EOPNOTSUPP);
	assert_int_equal(seg_setxattr(seg, "user.x", "v", 1, 0), -EOPNOTSUPP);
	assert_int_equal(seg_removexattr(seg, "user.x"), -EOPNOTSUPP);
	assert_int_equal(seg_listxattr(seg, buf, sizeof(buf)), -EOPNOTSUPP);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(the_mode_can_be_changed),
		TEST_EACH_KIND(the_owner_can_be_changed),
		TEST_FILES(the_times_can_be_set),
		TEST_SYSV(sysv_keeps_its_own_times),
		TEST_EACH_KIND(a_path_handle_changes_them_too),
		TEST_EACH_KIND(only_the_owner_may_change_them),
		TEST_SYSV(a_removed_sysv_segment_has_no_attributes_to_change),
		TEST_FILES(extended_attributes_go_round),
		TEST_FILES(extended_attributes_have_the_errors_of_the_system_calls),
		TEST_SYSV(sysv_has_no_extended_attributes),
	};

	return RUN_TESTS(tests);
}
