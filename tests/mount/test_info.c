// SPDX-License-Identifier: MIT
/* What can be asked of a mounted file, where nothing but the mount is to be seen. */
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/shm.h>

#include "mounted.h"

#include "segfs.h"

/* As a program without libseg does it. */
static int ask(const char *path, struct segfs_info *info)
{
	int fd = open(path, O_ACCMODE | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = try(ioctl(fd, SEGFS_IOC_INFO, info));
	close(fd);
	return r;
}

static struct segfs_info info_of(const char *path)
{
	struct segfs_info info;

	assert_ok(ask(path, &info));
	return info;
}

static struct peer *peer_with(struct mounted *m, const char *ref, unsigned flags)
{
	struct peer *peer = peer_start(m->f, NULL);

	assert_ok(peer_open(peer, ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

static void it_tells_what_a_posix_segment_is(void **state)
{
	struct mounted *m = *state;
	struct segfs_info info;
	struct seg_stat stat;

	seg_close(create_seg(m->ref, 3 * PAGE, SEG_PREALLOCATE));
	info = info_of(m->path);
	stat = stat_seg(m->ref);
	assert_int_equal(info.kind, SEGFS_KIND_POSIX);
	assert_int_equal(info.flags, 0);
	assert_int_equal(info.in_use, 0);
	assert_int_equal(info.shmid, -1);
	assert_int_equal(info.nattch, 0);
	assert_int_equal(info.ino, stat.ino);
	assert_int_equal(info.size, 3 * PAGE);
	assert_int_equal(info.allocated, 3 * PAGE);
}

static void it_tells_what_a_sysv_segment_is(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	struct segfs_info info;
	struct seg_stat stat;

	seg_close(create_seg(m->ref, 100, 0));
	stat = stat_seg(m->ref);
	info = info_of(m->path);
	assert_int_equal(info.kind, SEGFS_KIND_SYSV);
	assert_int_equal(info.in_use, 0);
	assert_int_equal(info.nattch, 0);
	assert_int_equal(info.shmid, stat.shmid);
	assert_int_equal(info.ino, stat.shmid);
	assert_int_equal(info.key, stat.key);
	assert_int_equal(info.size, 100);
	assert_int_equal(stat_path(m->path).st_ino, SEGFS_INO_SYSV + (uint64_t)stat.shmid);
	peer = peer_with(m, m->ref, 0);
	assert_int_equal(info_of(m->path).nattch, 1);
	peer_kill(peer);
	assert_int_equal(info_of(m->path).nattch, 0);
}

static void it_tells_of_an_ephemeral_one(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);

	assert_int_equal(info_of(m->path).flags, SEGFS_INFO_EPHEMERAL);
	seg_close(seg);
}

static void it_tells_of_a_name_that_is_gone(void **state)
{
	struct mounted *m = *state;
	struct segfs_info info;
	int fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	fd = open_file(m->path, O_ACCMODE);
	assert_ok(unlink(m->path));
	assert_ok(ioctl(fd, SEGFS_IOC_INFO, &info));
	assert_int_equal(info.flags, SEGFS_INFO_REMOVED);
	assert_int_equal(info.in_use, 0);
	close(fd);
}

/* -- in use ------------------------------------------------------------------------- */

static void it_sees_each_sort_of_user(void **state)
{
	static const unsigned flags[] = { 0, SEG_READ_ONLY };
	struct mounted *m = *state;
	const char *refs[] = { m->ref, m->path };

	seg_close(create_seg(m->ref, PAGE, 0));
	for (size_t i = 0; i < 4; i++) {
		struct peer *peer = peer_with(m, refs[i / 2], flags[i % 2]);

		assert_int_equal(info_of(m->path).in_use, 1);
		peer_kill(peer);
		assert_int_equal(info_of(m->path).in_use, 0);
	}
}

/* Asked by a plain open, which is itself a use; and by several that are none. */
static void only_an_open_to_ask_is_not_counted(void **state)
{
	struct mounted *m = *state;
	struct segfs_info info;
	int asking, fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	asking = open_file(m->path, O_ACCMODE);
	assert_int_equal(info_of(m->path).in_use, 0);
	fd = open_file(m->path, O_RDONLY);
	assert_ok(ioctl(fd, SEGFS_IOC_INFO, &info));
	assert_int_equal(info.in_use, 1);
	assert_ok(ioctl(asking, SEGFS_IOC_INFO, &info));
	assert_int_equal(info.in_use, 1);
	close(fd);
	assert_ok(ioctl(asking, SEGFS_IOC_INFO, &info));
	assert_int_equal(info.in_use, 0);
	assert_int_equal(try(read(asking, &info, 1)), -EBADF);
	close(asking);
}

static void libseg_asks_by_a_path_on_the_mount(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	struct seg *seg;

	seg_close(create_seg(m->ref, PAGE, 0));
	seg = open_seg(m->path, SEG_PATH);
	assert_int_equal(seg_in_use(seg), 0);
	peer = peer_with(m, m->ref, 0);
	assert_int_equal(seg_in_use(seg), 1);
	peer_kill(peer);
	peer = peer_with(m, m->path, SEG_READ_ONLY);
	assert_int_equal(seg_in_use(seg), 1);
	peer_kill(peer);
	assert_int_equal(seg_in_use(seg), 0);
	seg_close(seg);
	seg = open_seg(m->path, 0);
	assert_int_equal(seg_in_use(seg), -EOPNOTSUPP);
	seg_close(seg);
}

/* And of the segment itself, which knows of mappings through the mount. */
static void libseg_sees_users_through_the_mount(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	struct seg *seg;

	seg_close(create_seg(m->ref, PAGE, 0));
	seg = open_seg(m->ref, SEG_PATH);
	assert_int_equal(seg_in_use(seg), 0);
	peer = peer_with(m, m->path, SEG_READ_ONLY);
	assert_int_equal(seg_in_use(seg), 1);
	assert_int_equal(seg_destroy(m->ref, SEG_IF_UNUSED), -EBUSY);
	peer_kill(peer);
	assert_int_equal(seg_in_use(seg), 0);
	assert_ok(seg_destroy(m->ref, SEG_IF_UNUSED));
	seg_close(seg);
}

struct wanted {
	pid_t pid;
	unsigned how;
};

static int look_for(const struct seg_user *user, void *arg)
{
	struct wanted *wanted = arg;

	if (user->pid == wanted->pid)
		wanted->how = user->how;
	return 0;
}

static unsigned how_used_by(const char *ref, pid_t pid)
{
	struct wanted wanted = { .pid = pid };
	struct seg *seg = open_seg(ref, SEG_PATH);

	assert_return_code(seg_users(seg, look_for, &wanted), 0);
	seg_close(seg);
	return wanted.how;
}

static void users_through_the_mount_are_told(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);

	seg_close(create_seg(m->ref, PAGE, 0));
	assert_ok(peer_open(peer, m->path, 0));
	assert_int_equal(how_used_by(m->ref, peer->pid), SEG_USER_OPEN | SEG_USER_MOUNT);
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_ok(peer_close(peer));
	assert_int_equal(how_used_by(m->ref, peer->pid), SEG_USER_MAPPED | SEG_USER_MOUNT);
	assert_ok(peer_unmap(peer));
	assert_int_equal(how_used_by(m->ref, peer->pid), 0);
	assert_int_equal(how_used_by(m->ref, m->daemon.pid), 0);
}

static void users_are_told_by_a_path_on_the_mount(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;

	seg_close(create_seg(m->ref, PAGE, 0));
	peer = peer_with(m, m->path, 0);
	assert_true(how_used_by(m->path, peer->pid) & SEG_USER_MAPPED);
}

/* -- from elsewhere, and by others ----------------------------------------------------- */

/* Nothing of the host but the mount: no /dev/shm, no /proc, no IPC namespace. */
static int ask_from_inside(void *arg)
{
	struct segfs_info info;
	int r;

	if (mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 || unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = ask(arg, &info);
	return r < 0 ? r : info.in_use;
}

static void it_can_be_asked_from_a_container(void **state)
{
	const struct child_setting container = { .unshare = CLONE_NEWNS | CLONE_NEWPID |
							    CLONE_NEWIPC };
	struct mounted *m = *state;
	struct peer *peer;

	seg_close(create_seg(m->ref, PAGE, 0));
	assert_int_equal(child_run(&container, ask_from_inside, (void *)m->path), 0);
	peer = peer_with(m, m->ref, 0);
	assert_int_equal(child_run(&container, ask_from_inside, (void *)m->path), 1);
	peer_kill(peer);
	peer = peer_with(m, m->path, SEG_READ_ONLY);
	assert_int_equal(child_run(&container, ask_from_inside, (void *)m->path), 1);
	peer_kill(peer);
	assert_int_equal(child_run(&container, ask_from_inside, (void *)m->path), 0);
}

static int ask_plainly(void *arg)
{
	struct segfs_info info;

	return ask(arg, &info);
}

static void it_takes_the_permission_to_read_and_write(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);

	assert_int_equal(child_run(&somebody, ask_plainly, (void *)m->path), -EACCES);
	assert_ok(seg_chmod(seg, 0644));
	assert_int_equal(child_run(&somebody, ask_plainly, (void *)m->path), -EACCES);
	assert_ok(seg_chmod(seg, 0666));
	assert_ok(child_run(&somebody, ask_plainly, (void *)m->path));
	seg_close(seg);
}

static void other_files_and_other_questions_are_enotty(void **state)
{
	struct mounted *m = *state;
	struct segfs_info info;
	int fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	assert_int_equal(ask(m->direct, &info), -ENOTTY);
	fd = open_file(m->path, O_ACCMODE);
	assert_int_equal(try(ioctl(fd, _IOR('S', 2, struct segfs_info), &info)), -ENOTTY);
	assert_int_equal(try(ioctl(fd, _IOR('S', 1, int), &info)), -ENOTTY);
	close(fd);
	fd = open_file(m->posix, O_RDONLY | O_DIRECTORY);
	assert_int_equal(try(ioctl(fd, SEGFS_IOC_INFO, &info)), -ENOTTY);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(it_tells_what_a_posix_segment_is),
		MOUNTED_SYSV(it_tells_what_a_sysv_segment_is),
		MOUNTED_POSIX(it_tells_of_an_ephemeral_one),
		MOUNTED_BOTH(it_tells_of_a_name_that_is_gone),
		MOUNTED_BOTH(it_sees_each_sort_of_user),
		MOUNTED_BOTH(only_an_open_to_ask_is_not_counted),
		MOUNTED_BOTH(libseg_asks_by_a_path_on_the_mount),
		MOUNTED_BOTH(libseg_sees_users_through_the_mount),
		MOUNTED_BOTH(users_through_the_mount_are_told),
		MOUNTED_BOTH(users_are_told_by_a_path_on_the_mount),
		MOUNTED_BOTH(it_can_be_asked_from_a_container),
		MOUNTED_BOTH(it_takes_the_permission_to_read_and_write),
		MOUNTED_POSIX(other_files_and_other_questions_are_enotty),
	};

	return RUN_MOUNTED(tests);
}
