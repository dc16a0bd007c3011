// SPDX-License-Identifier: MIT
/* libseg takes paths in a private namespace wherever it takes a reference, and the
 * mount itself as a store. */
#include <signal.h>
#include <time.h>

#include "mounted.h"

static int setup(void **state)
{
	return mounted_setup_private(state, "size=1m");
}

/* -- by path ---------------------------------------------------------------------------- */

static void a_segment_is_created_opened_and_told_about(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = NULL, *again = NULL;
	struct seg_stat st;

	assert_ok(seg_create(m->path, 3 * PAGE, 0640, SEG_EXCLUSIVE, &seg));
	assert_int_equal(seg_create(m->path, PAGE, 0600, SEG_EXCLUSIVE, &again), -EEXIST);
	assert_ok(seg_create(m->path, PAGE, 0600, 0, &again));
	assert_int_equal(seg_kind(seg), SEG_FILE);
	assert_string_equal(seg_ref(seg), m->path);
	st = stat_seg(m->path);
	assert_int_equal(st.size, 3 * PAGE);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(st.allocated, 0);
	seg_close(again);
	seg_close(seg);
	assert_ok(seg_destroy(m->path, 0));
	assert_int_equal(seg_stat(m->path, &st), -ENOENT);
}

static int in_use(const char *path)
{
	struct seg *seg = open_seg(path, SEG_PATH);
	int r = seg_in_use(seg);

	seg_close(seg);
	return r;
}

static void users_of_every_sort_are_noticed(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);

	write_file(m->path, "hello");
	assert_int_equal(in_use(m->path), 0);
	assert_ok(peer_open(peer, m->path, 0));
	assert_int_equal(in_use(m->path), 1);
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	assert_int_equal(in_use(m->path), 1); /* the mapping alone */
	assert_int_equal(seg_destroy(m->path, SEG_IF_UNUSED), -EBUSY);
	peer_kill(peer);
	assert_int_equal(in_use(m->path), 0);
	assert_ok(seg_destroy(m->path, SEG_IF_UNUSED));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
}

struct found {
	pid_t pid;
	unsigned how;
};

static int note_user(const struct seg_user *user, void *arg)
{
	struct found *found = arg;

	if (user->pid == found->pid)
		found->how = user->how;
	return 0;
}

static void users_are_listed(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct found found = { .pid = peer->pid };
	struct seg *seg;

	write_file(m->path, "hello");
	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	seg = open_seg(m->path, SEG_PATH);
	assert_in_range(seg_users(seg, note_user, &found), 0, 1);
	assert_int_equal(found.how, SEG_USER_OPEN | SEG_USER_MAPPED | SEG_USER_MOUNT);
	seg_close(seg);
}

static void a_shrink_under_a_mapping_is_refused(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg = create_seg(m->path, 2 * PAGE, 0);

	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_int_equal(seg_resize(seg, PAGE, 0), -EBUSY);
	assert_int_equal(try(truncate(m->path, (off_t)PAGE)), -EBUSY);
	assert_int_equal(try_open(m->path, O_RDWR | O_TRUNC, 0), -EBUSY);
	assert_int_equal(stat_seg(m->path).size, 2 * PAGE);
	assert_ok(seg_resize(seg, 3 * PAGE, 0));
	peer_kill(peer);
	assert_ok(seg_resize(seg, PAGE, 0));
	seg_close(seg);
}

/* Two stores give out the same inode numbers. */
static void users_in_another_namespace_are_none(void **state)
{
	struct mounted *m = *state;
	const char *point = path_of(m, "%s/other", m->f->dir);
	const char *path = path_of(m, "%s%s", point, m->ref);
	struct peer *peer = peer_start(m->f, NULL);
	struct found found = { .pid = peer->pid };
	struct daemon other;
	struct seg *seg, *theirs;

	assert_ok(daemon_start_ns(&other, SEGFS_PROGRAM, "other", point, "size=1m", point));
	theirs = create_seg(path, 2 * PAGE, 0);
	seg = create_seg(m->path, 2 * PAGE, 0);
	assert_int_equal(stat_seg(path).ino, stat_seg(m->path).ino);
	assert_ok(peer_open(peer, path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_in_range(seg_users(seg, note_user, &found), 0, 1);
	assert_int_equal(found.how, 0);
	assert_int_equal(seg_resize(theirs, PAGE, 0), -EBUSY);
	assert_ok(seg_resize(seg, PAGE, 0));
	seg_close(theirs);
	seg_close(seg);
	peer_kill(peer);
	assert_int_equal(daemon_end(&other, SIGTERM), 0);
}

/* The daemon takes it away when it has noticed: each look is a question to it. */
static void wait_until_gone(const char *path)
{
	const time_t end = time(NULL) + 20;
	struct seg_stat st;
	int r;

	while ((r = seg_stat(path, &st)) == 0)
		assert_true(time(NULL) < end);
	assert_int_equal(r, -ENOENT);
}

static void an_ephemeral_one_goes_with_its_last_user(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg = create_seg(m->path, PAGE, SEG_EPHEMERAL);
	struct seg_stat st;

	assert_int_equal(seg_is_ephemeral(seg), 1);
	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	seg_close(seg);
	assert_ok(seg_stat(m->path, &st));
	peer_kill(peer);
	wait_until_gone(m->path);
}

/* -- the mount as a store --------------------------------------------------------------- */

static struct seg_store *open_store(const char *path)
{
	struct seg_store *store = NULL;

	assert_ok(seg_store_open(path, &store));
	return store;
}

static void put(struct seg_store *store, const char *ref)
{
	struct seg *seg = NULL;

	assert_ok(seg_createat(store, ref, PAGE, 0600, SEG_EXCLUSIVE, &seg));
	seg_close(seg);
}

struct listed {
	int count;
	char refs[256];
};

static int note_segment(const char *ref, const struct seg_stat *stat, void *arg)
{
	struct listed *listed = arg;

	assert_int_equal(stat->size, PAGE);
	listed->count++;
	strncat(listed->refs, ref, sizeof(listed->refs) - strlen(listed->refs) - 1);
	return 0;
}

static void the_mount_is_a_store(void **state)
{
	struct mounted *m = *state;
	struct seg_store *store = open_store(m->point);
	struct listed listed = { 0 };
	struct statvfs vfs;
	struct seg_stat st;

	put(store, "/a");
	put(store, "/b");
	assert_ok(seg_statat(store, "/a", &st));
	assert_int_equal(st.kind, SEG_POSIX);
	assert_int_equal(seg_stat("/a", &st), -ENOENT); /* not the machine's */
	assert_ok(seg_renameat(store, "/b", "/c", 0));
	assert_ok(seg_listat(store, SEG_POSIX, 0, note_segment, &listed));
	assert_int_equal(listed.count, 2);
	assert_non_null(strstr(listed.refs, "/a"));
	assert_non_null(strstr(listed.refs, "/c"));
	assert_ok(seg_statvfs(store, SEG_POSIX, &vfs));
	assert_int_equal(vfs.f_blocks * vfs.f_frsize, 1 << 20);
	assert_ok(seg_destroyat(store, "/a", 0));
	assert_int_equal(seg_statat(store, "/a", &st), -ENOENT);
	seg_store_close(store);
}

static int collect(const char *ref, const struct seg_stat *stat, int result, void *arg)
{
	struct listed *listed = arg;

	(void)stat;
	assert_ok(result);
	listed->count++;
	strncat(listed->refs, ref, sizeof(listed->refs) - strlen(listed->refs) - 1);
	return 0;
}

static void gc_takes_what_nobody_uses(void **state)
{
	const struct seg_gc_filter filter = { .kind = SEG_POSIX, .uid = (uid_t)-1 };
	struct seg_gc_filter dry = filter;
	struct mounted *m = *state;
	struct seg_store *store = open_store(m->point);
	struct peer *peer = peer_start(m->f, NULL);
	struct listed listed = { 0 };

	put(store, "/used");
	put(store, "/unused");
	assert_ok(peer_open(peer, path_of(m, "%s/used", m->point), 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	dry.flags = SEG_GC_DRY_RUN;
	assert_int_equal(seg_gcat(store, &dry, collect, &listed), 1);
	assert_int_equal(stat_path(path_of(m, "%s/unused", m->point)).st_size, PAGE);
	assert_int_equal(seg_gcat(store, &filter, collect, &listed), 1);
	assert_string_equal(listed.refs, "/unused/unused");
	assert_int_equal(stat_path(path_of(m, "%s/used", m->point)).st_size, PAGE);
	peer_kill(peer);
	assert_int_equal(seg_gcat(store, &filter, NULL, NULL), 1);
	seg_store_close(store);
}

static void gc_of_ephemeral_ones_leaves_others(void **state)
{
	const struct seg_gc_filter filter = { .kind = SEG_POSIX,
					      .uid = (uid_t)-1,
					      .flags = SEG_GC_EPHEMERAL };
	struct mounted *m = *state;
	struct seg_store *store = open_store(m->point);
	struct seg_stat st;

	put(store, "/kept");
	assert_int_equal(seg_gcat(store, &filter, NULL, NULL), 0);
	assert_ok(seg_statat(store, "/kept", &st));
	seg_store_close(store);
}

static int list_refs(const char *ref, const struct seg_stat *stat, void *arg)
{
	assert_int_equal(stat->kind, SEG_FILE);
	return collect(ref, stat, 0, arg);
}

/* As one who sees nothing but the mount: no store, and references that hold anywhere. */
static void a_directory_is_listed_and_collected_by_its_path(void **state)
{
	const struct seg_gc_filter filter = { .uid = (uid_t)-1, .pattern = "/un*" };
	const struct seg_gc_filter sysv = { .kind = SEG_SYSV, .uid = (uid_t)-1 };
	struct mounted *m = *state;
	struct seg_store *store = open_store(m->point);
	struct listed listed = { 0 }, gone = { 0 };
	struct seg_stat st;
	char expected[512], slashes[PATH_MAX];

	put(store, "/unused");
	snprintf(expected, sizeof(expected), "%s/unused", m->point);
	snprintf(slashes, sizeof(slashes), "%s//", m->point);
	assert_ok(seg_list_directory(slashes, list_refs, &listed));
	assert_string_equal(listed.refs, expected);
	assert_ok(seg_stat(listed.refs, &st));
	assert_int_equal(st.size, PAGE);

	put(store, "/kept");
	assert_int_equal(seg_gc_directory(m->point, &sysv, NULL, NULL), -EINVAL);
	assert_int_equal(seg_gc_directory(m->point, &filter, collect, &gone), 1);
	assert_string_equal(gone.refs, expected);
	assert_int_equal(seg_stat(expected, &st), -ENOENT);
	assert_ok(seg_statat(store, "/kept", &st));
	seg_store_close(store);
}

/* A file that nobody has open is, anywhere else, somebody's document. */
static void other_directories_are_not_collected(void **state)
{
	const struct seg_gc_filter filter = { .uid = (uid_t)-1 };
	struct mounted *m = *state;
	struct listed listed = { 0 };
	const char *document = path_of(m, "%s/document", m->f->dir);

	assert_ok(mknod(document, S_IFREG | 0600, 0));
	assert_int_equal(seg_gc_directory(m->f->dir, &filter, NULL, NULL), -EOPNOTSUPP);
	assert_int_equal(seg_gc_directory(document, &filter, NULL, NULL), -ENOTDIR);
	assert_int_equal(seg_gc_directory("", &filter, NULL, NULL), -EINVAL);
	assert_int_equal(seg_gc_directory(NULL, &filter, NULL, NULL), -EINVAL);
	assert_int_equal(seg_list_directory("./nowhere", list_refs, &listed), -ENOENT);
	assert_ok(access(document, F_OK));
	assert_ok(seg_gc_directory("/dev/shm", &filter, NULL, NULL));
	assert_ok(mkdir("/dev/shm/documents", 0700));
	assert_int_equal(seg_gc_directory("/dev/shm/documents", &filter, NULL, NULL), -EOPNOTSUPP);
	assert_ok(rmdir("/dev/shm/documents"));
}

int main(void)
{
#define PRIVATE(test) TEST_WITH(setup, test, "private", SEG_POSIX)
	const struct CMUnitTest tests[] = {
		PRIVATE(a_segment_is_created_opened_and_told_about),
		PRIVATE(users_of_every_sort_are_noticed),
		PRIVATE(users_are_listed),
		PRIVATE(users_in_another_namespace_are_none),
		PRIVATE(a_shrink_under_a_mapping_is_refused),
		PRIVATE(an_ephemeral_one_goes_with_its_last_user),
		PRIVATE(the_mount_is_a_store),
		PRIVATE(gc_takes_what_nobody_uses),
		PRIVATE(gc_of_ephemeral_ones_leaves_others),
		PRIVATE(a_directory_is_listed_and_collected_by_its_path),
		PRIVATE(other_directories_are_not_collected),
	};

	return RUN_MOUNTED(tests);
}
