// SPDX-License-Identifier: MIT
/* "Is it in use?": each way of using a segment, of each kind, by a second process. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "fixture.h"
#include "peer.h"

static int ask(const char *ref, unsigned flags)
{
	struct seg *seg = NULL;
	int r = seg_open(ref, flags, &seg);

	if (r == 0)
		r = seg_in_use(seg);
	seg_close(seg);
	return r;
}

/* The answer does not depend on how one asks. */
static void assert_in_use(struct fixture *f, int expected)
{
	assert_int_equal(ask(f->ref, SEG_PATH), expected);
	assert_int_equal(ask(f->ref, 0), expected);
	assert_int_equal(ask(f->ref, SEG_READ_ONLY), expected);
}

/* To tell that nobody maps a SysV segment through a mount takes a capability. */
static void make_segment(struct fixture *f)
{
	if (f->kind == SEG_SYSV)
		need_root();
	seg_close(create_seg(f->ref, 2 * PAGE, 0));
	assert_in_use(f, 0);
}

static struct peer *peer_that_maps(struct fixture *f, const struct child_setting *setting,
				   unsigned flags)
{
	struct peer *peer = peer_start(f, setting);

	assert_ok(peer_open(peer, f->ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

/* -- ways of using it ----------------------------------------------------------- */

static void an_open_descriptor(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	make_segment(f);
	assert_ok(peer_open(peer, f->ref, 0));
	assert_in_use(f, 1);
	assert_ok(peer_close(peer));
	assert_in_use(f, 0);
}

static void a_read_only_descriptor(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	make_segment(f);
	assert_ok(peer_open(peer, f->ref, SEG_READ_ONLY));
	assert_in_use(f, 1);
	assert_ok(peer_close(peer));
	assert_in_use(f, 0);
}

static void a_mapping_whose_descriptor_is_closed(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	make_segment(f);
	peer = peer_that_maps(f, NULL, 0);
	assert_in_use(f, 1);
	assert_ok(peer_unmap(peer));
	assert_in_use(f, 0);
}

static void a_read_only_mapping(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	make_segment(f);
	peer = peer_that_maps(f, NULL, SEG_READ_ONLY);
	assert_in_use(f, 1);
	assert_ok(peer_unmap(peer));
	assert_in_use(f, 0);
}

static int do_map_private(struct peer_self *self, const struct peer_args *args)
{
	int fd = open(args->text, O_RDONLY | O_CLOEXEC);

	self->length = args->length;
	self->addr = mmap(NULL, self->length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	return self->addr == MAP_FAILED ? -errno : 0;
}

static void a_private_mapping(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct peer_args args = { .length = PAGE };

	make_segment(f);
	fixture_path(f->ref, args.text);
	assert_ok(peer_do(peer, do_map_private, &args));
	peer_write(peer, 0, 'x'); /* now that page is a copy; the mapping is the segment's */
	assert_in_use(f, 1);
	assert_ok(peer_unmap(peer));
	assert_in_use(f, 0);
}

static void a_part_of_it_mapped(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	make_segment(f);
	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, PAGE, PAGE, 0));
	assert_ok(peer_close(peer));
	assert_in_use(f, 1);
	assert_ok(peer_unmap(peer));
	assert_in_use(f, 0);
}

/* As SCM_RIGHTS, on its way from one end to the other. */
static int send_fd(int sock, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	*(int *)(void *)CMSG_DATA(&control.header) = fd;
	return sendmsg(sock, &message, 0) < 0 ? -errno : 0;
}

/* The peer holds both ends of the socket, and no descriptor of the segment. */
static int do_send_away(struct peer_self *self, const struct peer_args *args)
{
	struct seg *seg;
	int ends[2], fd, r;

	(void)self;
	r = seg_open(args->text, SEG_PATH, &seg);
	if (r < 0)
		return r;
	fd = seg_reopen(seg, O_RDWR);
	seg_close(seg);
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = send_fd(ends[0], fd);
	close(fd);
	return r;
}

static void a_descriptor_in_flight(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct peer_args args = { 0 };

	make_segment(f);
	snprintf(args.text, sizeof(args.text), "%s", f->ref);
	assert_ok(peer_do(peer, do_send_away, &args));
	assert_in_use(f, 1);
	peer_kill(peer);
	assert_in_use(f, 0);
}

/* -> the pid of a child that shares everything and waits to be killed */
static int do_fork(struct peer_self *self, const struct peer_args *args)
{
	static const struct child_setting same = { 0 };
	pid_t pid = child_fork(&same);

	(void)self, (void)args;
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int do_kill(struct peer_self *self, const struct peer_args *args)
{
	(void)self;
	kill(args->value, SIGKILL);
	return child_wait(args->value) == SIGKILL ? 0 : -1;
}

static void what_a_fork_shares(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;
	pid_t child;

	make_segment(f);
	peer = peer_that_maps(f, NULL, 0);
	child = peer_do(peer, do_fork, &(struct peer_args){ 0 });
	assert_ok(peer_unmap(peer));
	assert_in_use(f, 1);
	assert_ok(peer_do(peer, do_kill, &(struct peer_args){ .value = child }));
	assert_in_use(f, 0);
}

static void a_second_handle_of_the_same_process(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, 0);
	assert_in_use(f, 1);
	seg_close(seg);
	assert_in_use(f, 0);
}

/* -- in other namespaces ---------------------------------------------------------- */

static int do_unshare(struct peer_self *self, const struct peer_args *args)
{
	(void)self;
	return unshare(args->value) < 0 ? -errno : 0;
}

/* These two are entered at birth; the one for IPC would hide a SysV segment from who is
 * in it before it is attached. */
static void a_user_in_namespaces(struct fixture *f, int namespaces)
{
	const struct child_setting setting = { .unshare = namespaces &
							  (CLONE_NEWPID | CLONE_NEWUSER) };
	const struct peer_args later = { .value = namespaces & ~setting.unshare };
	struct peer *peer;

	need_mounts();
	make_segment(f);
	peer = peer_that_maps(f, &setting, 0);
	assert_ok(peer_do(peer, do_unshare, &later));
	peer_write(peer, 0, 'x');
	assert_in_use(f, 1);
	peer_kill(peer);
	assert_in_use(f, 0);
}

static void a_user_in_a_mount_namespace(void **state)
{
	a_user_in_namespaces(*state, CLONE_NEWNS);
}

static void a_user_in_an_ipc_namespace(void **state)
{
	a_user_in_namespaces(*state, CLONE_NEWIPC);
}

static void a_user_in_a_pid_namespace(void **state)
{
	a_user_in_namespaces(*state, CLONE_NEWPID);
}

static void a_user_in_a_user_namespace(void **state)
{
	/* fork() alone would start a thread of ThreadSanitizer's, which bars the way */
	a_user_in_namespaces(*state, CLONE_NEWUSER | CLONE_NEWPID);
}

static void a_user_in_a_container(void **state)
{
	a_user_in_namespaces(*state, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWUSER |
					     CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP);
}

/* Where another tmpfs lies over /dev/shm, and the segment's own is bound elsewhere. */
static int do_hide_shm(struct peer_self *self, const struct peer_args *args)
{
	(void)self;
	if (mount("/dev/shm", args->text, NULL, MS_BIND, NULL) < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777") < 0)
		return -errno;
	return 0;
}

static void a_user_that_reaches_it_by_another_mount(void **state)
{
	const struct child_setting setting = { .unshare = CLONE_NEWNS | CLONE_NEWIPC };
	struct fixture *f = *state;
	struct peer_args args = { 0 };
	struct peer *peer;
	char path[sizeof(f->dir) + PATH_MAX];

	need_mounts();
	make_segment(f);
	peer = peer_start(f, &setting);
	snprintf(args.text, sizeof(args.text), "%s", f->dir);
	assert_ok(peer_do(peer, do_hide_shm, &args));
	assert_int_equal(peer_open(peer, f->ref, 0), -ENOENT);
	snprintf(path, sizeof(path), "%s%s", f->dir, f->ref);
	assert_ok(peer_open(peer, path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_in_use(f, 1);
	assert_ok(peer_close(peer));
	assert_in_use(f, 1);
	peer_kill(peer);
	assert_in_use(f, 0);
}

static int ask_for(void *arg)
{
	return ask(arg, SEG_PATH);
}

static void one_can_ask_from_a_container(void **state)
{
	const struct child_setting container = { .unshare = CLONE_NEWNS | CLONE_NEWPID |
							    CLONE_NEWUSER | CLONE_NEWNET };
	struct fixture *f = *state;
	struct peer *peer;

	need_mounts();
	make_segment(f);
	assert_int_equal(child_run(&container, ask_for, f->ref), 0);
	peer = peer_that_maps(f, NULL, 0);
	assert_int_equal(child_run(&container, ask_for, f->ref), 1);
	peer_stop(peer);
	assert_int_equal(child_run(&container, ask_for, f->ref), 0);
}

/* -- what is no use ----------------------------------------------------------------- */

static void the_handle_that_asks_does_not_count(void **state)
{
	struct fixture *f = *state;
	unsigned char *addr;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, 0);
	assert_int_equal(seg_in_use(seg), 0);
	addr = map_seg(seg, 0, 0, 0);
	assert_int_equal(seg_in_use(seg), 0);
	seg_close(seg);
	/* a file's mapping is no part of another handle, and an attach is the process's */
	assert_int_equal(ask(f->ref, SEG_PATH), f->kind == SEG_SYSV ? 0 : 1);
	assert_ok(seg_unmap(addr, 2 * PAGE));
	assert_in_use(f, 0);
}

static void ones_own_read_only_attach_counts(void **state)
{
	struct fixture *f = *state;
	unsigned char *addr;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, 0);
	addr = map_seg(seg, 0, 0, SEG_READ_ONLY);
	assert_int_equal(seg_in_use(seg), 1);
	assert_ok(seg_unmap(addr, 2 * PAGE));
	assert_int_equal(seg_in_use(seg), 0);
	seg_close(seg);
}

static void path_handles_do_not_count(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(peer_open(peer, f->ref, SEG_PATH));
	assert_in_use(f, 0);
	assert_int_equal(seg_in_use(seg), 0);
	seg_close(seg);
}

static void what_a_child_shares_with_the_handle_does_not_count(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	struct peer *peer;

	make_segment(f);
	seg = open_seg(f->ref, 0);
	peer = peer_start(f, NULL); /* which has inherited it */
	assert_int_equal(seg_in_use(seg), 0);
	assert_int_equal(ask(f->ref, SEG_PATH), f->kind == SEG_SYSV ? 0 : 1);
	peer_stop(peer);
	seg_close(seg);
}

static void a_handle_of_a_sysv_segment_is_no_use_of_it(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	make_segment(f);
	assert_ok(peer_open(peer, f->ref, 0));
	assert_in_use(f, 0);
}

/* -- when they are gone, and who may ask ----------------------------------------------- */

static void it_is_free_as_soon_as_the_user_exits(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	make_segment(f);
	for (int i = 0; i < 20; i++) {
		peer = peer_start(f, NULL);
		assert_ok(peer_open(peer, f->ref, 0));
		assert_ok(peer_map(peer, 0, 0, 0));
		if (i % 2)
			peer_stop(peer);
		else
			peer_kill(peer);
		f->peer_count--;
		assert_int_equal(ask(f->ref, SEG_PATH), 0);
	}
}

static void it_is_in_use_until_the_last_user_is_gone(void **state)
{
	struct fixture *f = *state;
	struct peer *peers[3];

	make_segment(f);
	for (int i = 0; i < 3; i++)
		peers[i] = peer_that_maps(f, NULL, i == 1 ? SEG_READ_ONLY : 0);
	for (int i = 0; i < 3; i++) {
		assert_in_use(f, 1);
		peer_kill(peers[i]);
	}
	assert_in_use(f, 0);
}

static void a_segment_without_a_name_can_be_asked_about(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	peer = peer_that_maps(f, NULL, 0);
	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(seg_in_use(seg), 1);
	peer_kill(peer);
	assert_int_equal(seg_in_use(seg), 0);
	seg_close(seg);
}

static void another_user_is_not_told(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	assert_int_equal(child_run(&somebody, ask_for, f->ref), -EPERM);
	assert_ok(seg_chmod(seg, 0644));
	assert_int_equal(child_run(&somebody, ask_for, f->ref), -EPERM);
	assert_ok(seg_chown(seg, SOMEBODY, (gid_t)-1));
	assert_int_equal(child_run(&somebody, ask_for, f->ref), 0);
	seg_close(seg);
}

static int ask_by_handle(void *arg)
{
	return ask(arg, 0);
}

static void another_user_sees_the_attaches(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, 0);
	assert_ok(seg_chmod(seg, 0666));
	assert_int_equal(child_run(&somebody, ask_by_handle, f->ref), -EPERM);
	peer_that_maps(f, NULL, 0);
	assert_int_equal(child_run(&somebody, ask_by_handle, f->ref), 1);
	seg_close(seg);
}

static void asking_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct seg_stat before, after;
	int fds = count_fds();

	make_segment(f);
	before = stat_seg(f->ref);
	assert_int_equal(ask(f->ref, SEG_PATH), 0);
	after = stat_seg(f->ref);
	assert_memory_equal(&before.mtime, &after.mtime, sizeof(after.mtime));
	assert_memory_equal(&before.ctime, &after.ctime, sizeof(after.ctime));
	assert_int_equal(after.nattch, 0);
	assert_int_equal(count_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILES(an_open_descriptor),
		TEST_FILES(a_read_only_descriptor),
		TEST_EACH_KIND(a_mapping_whose_descriptor_is_closed),
		TEST_EACH_KIND(a_read_only_mapping),
		TEST_FILES(a_private_mapping),
		TEST_EACH_KIND(a_part_of_it_mapped),
		TEST_EACH_KIND(a_descriptor_in_flight),
		TEST_EACH_KIND(what_a_fork_shares),
		TEST_FILES(a_second_handle_of_the_same_process),
		TEST_EACH_KIND(a_user_in_a_mount_namespace),
		TEST_EACH_KIND(a_user_in_an_ipc_namespace),
		TEST_EACH_KIND(a_user_in_a_pid_namespace),
		TEST_EACH_KIND(a_user_in_a_user_namespace),
		TEST_EACH_KIND(a_user_in_a_container),
		TEST_POSIX(a_user_that_reaches_it_by_another_mount),
		TEST_FILES(one_can_ask_from_a_container),
		TEST_EACH_KIND(the_handle_that_asks_does_not_count),
		TEST_SYSV(ones_own_read_only_attach_counts),
		TEST_EACH_KIND(path_handles_do_not_count),
		TEST_EACH_KIND(what_a_child_shares_with_the_handle_does_not_count),
		TEST_SYSV(a_handle_of_a_sysv_segment_is_no_use_of_it),
		TEST_EACH_KIND(it_is_free_as_soon_as_the_user_exits),
		TEST_EACH_KIND(it_is_in_use_until_the_last_user_is_gone),
		TEST_EACH_KIND(a_segment_without_a_name_can_be_asked_about),
		TEST_FILES(another_user_is_not_told),
		TEST_SYSV(another_user_sees_the_attaches),
		TEST_FILES(asking_leaves_no_trace),
	};

	return RUN_TESTS(tests);
}
