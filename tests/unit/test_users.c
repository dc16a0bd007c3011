// SPDX-License-Identifier: MIT
/* Who uses a segment, for people to read. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "peer.h"

#define MAPPED   (SEG_USER_MAPPED | SEG_USER_DIRECT)
#define OPEN     (SEG_USER_OPEN | SEG_USER_DIRECT)
#define ATTACHED (SEG_USER_ATTACHED | SEG_USER_DIRECT)

/* What is told of one process. */
struct wanted {
	pid_t pid;
	int times, others;
	uid_t uid;
	unsigned how;
	char command[32];
};

static int look_for(const struct seg_user *user, void *arg)
{
	struct wanted *wanted = arg;

	/* Not those of a mount of another test, whose segment has the same inode number. */
	if (user->pid != wanted->pid) {
		wanted->others += (user->how & SEG_USER_DIRECT) != 0;
		return 0;
	}
	wanted->times++;
	wanted->uid = user->uid;
	wanted->how = user->how;
	snprintf(wanted->command, sizeof(wanted->command), "%s", user->command);
	return 0;
}

/* 0 if every process of the machine can be looked at from here, else 1. */
static int expected_result(void)
{
	struct stat st;
	int fd = open("/proc/1/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || close(fd) < 0 || geteuid() != 0)
		return 1;
	assert_return_code(stat("/proc/self/ns/pid", &st), errno);
	return st.st_ino == 0xEFFFFFFC ? 0 : 1;
}

static struct wanted users_of(struct fixture *f, pid_t pid)
{
	struct wanted wanted = { .pid = pid };
	struct seg *seg = open_seg(f->ref, f->kind == SEG_SYSV ? 0 : SEG_PATH);

	assert_int_equal(seg_users(seg, look_for, &wanted), expected_result());
	seg_close(seg);
	return wanted;
}

static void nobody_uses_it(void **state)
{
	struct fixture *f = *state;
	struct wanted wanted;

	seg_close(create_seg(f->ref, PAGE, 0));
	wanted = users_of(f, getpid());
	assert_int_equal(wanted.times, 0);
	assert_int_equal(wanted.others, 0);
}

static int exit_at_once(void *arg)
{
	(void)arg;
	return 0;
}

/* Which can't be looked at like a living process, and uses nothing. */
static void a_zombie_is_no_user_and_hides_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *zombie = peer_spawn(f, exit_at_once, NULL);
	siginfo_t info;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_return_code(waitid(P_PID, (id_t)zombie->pid, &info, WEXITED | WNOWAIT), errno);
	assert_int_equal(users_of(f, zombie->pid).times, 0);
}

static int do_rename(struct peer_self *self, const struct peer_args *args)
{
	(void)self;
	return prctl(PR_SET_NAME, args->text) < 0 ? -errno : 0;
}

static void who_has_it_open_and_mapped(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct peer_args args = { .text = "odd) name (" };
	struct wanted wanted;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_ok(peer_do(peer, do_rename, &args));
	assert_ok(peer_open(peer, f->ref, 0));
	wanted = users_of(f, peer->pid);
	assert_int_equal(wanted.times, 1);
	assert_int_equal(wanted.how, OPEN);
	assert_string_equal(wanted.command, "odd) name (");
	assert_int_equal(wanted.uid, geteuid());
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_int_equal(users_of(f, peer->pid).how, OPEN | MAPPED);
	assert_ok(peer_close(peer));
	assert_int_equal(users_of(f, peer->pid).how, MAPPED);
	peer_kill(peer);
	assert_int_equal(users_of(f, peer->pid).times, 0);
}

static void who_has_it_attached(void **state)
{
	static const unsigned flags[] = { 0, SEG_READ_ONLY };
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	seg_close(create_seg(f->ref, PAGE, 0));
	for (size_t i = 0; i < 2; i++) {
		assert_ok(peer_open(peer, f->ref, flags[i]));
		assert_ok(peer_map(peer, 0, 0, flags[i]));
		assert_int_equal(users_of(f, peer->pid).how, ATTACHED);
		assert_ok(peer_unmap(peer));
		assert_int_equal(users_of(f, peer->pid).times, 0);
	}
}

static int do_attach_in_another_ipc_namespace(struct peer_self *self, const struct peer_args *args)
{
	int r = unshare(CLONE_NEWIPC) < 0 ? -errno : 0;

	if (r == 0)
		r = seg_create(args->text, PAGE, 0600, 0, &self->seg);
	return r < 0 ? r : seg_map(self->seg, 0, 0, 0, (void **)&self->addr);
}

/* Both are the first of their namespace, and so have the same shmid. */
static void who_has_attached_one_of_the_same_id_is_another_matter(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct peer_args args = { 0 };
	struct seg *seg;

	need_mounts();
	assert_return_code(unshare(CLONE_NEWIPC), errno);
	seg = create_seg(f->ref, PAGE, 0);
	snprintf(args.text, sizeof(args.text), "%s", f->ref);
	assert_ok(peer_do(peer, do_attach_in_another_ipc_namespace, &args));
	assert_int_equal(users_of(f, peer->pid).times, 0);
	seg_close(seg);
}

static void each_of_several(void **state)
{
	struct fixture *f = *state;
	struct peer *peers[3];

	seg_close(create_seg(f->ref, PAGE, 0));
	for (int i = 0; i < 3; i++) {
		peers[i] = peer_start(f, NULL);
		assert_ok(peer_open(peers[i], f->ref, SEG_READ_ONLY));
		assert_ok(peer_map(peers[i], 0, 0, 0));
	}
	for (int i = 0; i < 3; i++) {
		struct wanted wanted = users_of(f, peers[i]->pid);

		assert_int_equal(wanted.times, 1);
		assert_int_equal(wanted.others, 2);
	}
}

static void the_caller_too(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	seg_close(seg);
	assert_int_equal(users_of(f, getpid()).how, f->kind == SEG_SYSV ? ATTACHED : MAPPED);
	assert_ok(seg_unmap(addr, PAGE));
	assert_int_equal(users_of(f, getpid()).times, 0);
}

static void a_path_handle_is_no_use(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	if (f->kind == SEG_SYSV)
		need_root();
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_ok(peer_open(peer, f->ref, SEG_PATH));
	assert_int_equal(users_of(f, peer->pid).times, 0);
}

static void one_without_a_name_has_users(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	struct wanted wanted = { .pid = peer->pid };

	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(seg_users(seg, look_for, &wanted), expected_result());
	assert_int_equal(wanted.times, 1);
	seg_close(seg);
}

/* -- what can't be seen ------------------------------------------------------------- */

static int ask_as_somebody(void *arg)
{
	struct wanted wanted = { .pid = getpid() };
	struct seg *seg;
	int r;

	r = seg_open(arg, 0, &seg);
	if (r == 0)
		r = seg_users(seg, look_for, &wanted);
	if (r < 0)
		return r;
	return r * 10 + wanted.times;
}

/* For SysV the handle is no use. */
static void without_privilege_it_says_that_it_did_not_see_all(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, 0);
	assert_ok(seg_chmod(seg, 0666));
	assert_int_equal(child_run(&somebody, ask_as_somebody, f->ref),
			 f->kind == SEG_SYSV ? 10 : 11);
	seg_close(seg);
}

static int ask_with_own_proc(void *arg)
{
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return -errno;
	return ask_as_somebody(arg);
}

static void in_a_pid_namespace_it_says_that_it_did_not_see_all(void **state)
{
	const struct child_setting inside = { .unshare = CLONE_NEWPID | CLONE_NEWNS };
	struct fixture *f = *state;

	need_mounts();
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(child_run(&inside, ask_with_own_proc, f->ref),
			 f->kind == SEG_SYSV ? 10 : 11);
}

static int stop(const struct seg_user *user, void *arg)
{
	(void)user;
	++*(int *)arg;
	return 42;
}

static void the_callback_ends_it(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	int calls = 0, fds = count_fds();

	assert_ok(peer_open(peer, f->ref, 0));
	assert_int_equal(seg_users(seg, stop, &calls), 42);
	assert_int_equal(calls, 1);
	assert_int_equal(count_fds(), fds);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(nobody_uses_it),
		TEST_POSIX(a_zombie_is_no_user_and_hides_nothing),
		TEST_FILES(who_has_it_open_and_mapped),
		TEST_SYSV(who_has_it_attached),
		TEST_SYSV(who_has_attached_one_of_the_same_id_is_another_matter),
		TEST_EACH_KIND(each_of_several),
		TEST_EACH_KIND(the_caller_too),
		TEST_EACH_KIND(a_path_handle_is_no_use),
		TEST_FILES(one_without_a_name_has_users),
		TEST_EACH_KIND(without_privilege_it_says_that_it_did_not_see_all),
		TEST_EACH_KIND(in_a_pid_namespace_it_says_that_it_did_not_see_all),
		TEST_FILES(the_callback_ends_it),
	};

	return RUN_TESTS(tests);
}
