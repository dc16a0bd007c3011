// SPDX-License-Identifier: MIT
/* The command line of private namespaces, of mount.segfs, and of --check. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "mounted.h"

/* -- refused ------------------------------------------------------------------------------ */

struct bad {
	const char *ns, *options, *said;
};

static const struct bad bad[] = {
	{ "team", "size=", "not a size" },
	{ "team", "size=0", "a limit" },
	{ "team", "size=4095", "a limit" },
	{ "team", "size=-1", "not a size" },
	{ "team", "size=+1m", "not a size" },
	{ "team", "size=1x", "not a size" },
	{ "team", "size=1mb", "not a size" },
	{ "team", "size=1.5g", "not a size" },
	{ "team", "size=101%", "not a size" },
	{ "team", "size=0%", "a limit" },
	{ "team", "size=17179869184g", "not a size" },
	{ "team", "size=9223372036854775808", "a limit" },
	{ "team", "size=99999999999999999999", "not a size" },
	{ "team", "nr_segments=x", "not a number" },
	{ "team", "nr_segments=-1", "not a number" },
	{ "team", "nr_segments=4294967296", "not a number" },
	{ "team", "huge=yes", "never, always" },
	{ "team", "huge=", "never, always" },
	{ "team", "uid=root", "not a number" },
	{ "team", "uid=4294967295", "not a number" },
	{ "team", "gid=-1", "not a number" },
	{ "team", "mode=8", "not a mode" },
	{ "team", "mode=07777", "not a mode" },
	{ "team", "mode=rwx", "not a mode" },
	{ "host", "size=1m", "for private namespaces" },
	{ "host", "mode=0700", "for private namespaces" },
	{ "ro", NULL, "no name for a namespace" },
	{ "", NULL, "no name for a namespace" },
	{ ".hidden", NULL, "no name for a namespace" },
	{ "..", NULL, "no name for a namespace" },
	{ "-o", NULL, "" },
	{ "a/b", NULL, "no name for a namespace" },
	{ "a,size=9g", NULL, "no name for a namespace" },
	{ "a b", NULL, "no name for a namespace" },
	{ "a\nb", NULL, "no name for a namespace" },
	{ "\303\244", NULL, "no name for a namespace" },
	{ "a2345678901234567890123456789012345678901234567890123456789012345", NULL,
	  "no name for a namespace" },
};

static void bad_options_and_names_are_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[] = {
			SEGFS_PROGRAM,  "-f", bad[i].ns, f->dir, bad[i].options ? "-o" : NULL,
			bad[i].options, NULL
		};
		char said[4096];
		int r = daemon_run(argv, said, sizeof(said));

		if (r != 2 || !strstr(said, bad[i].said))
			fail_msg("segfs %s -o %s: exit status %d, said: %s", bad[i].ns,
				 bad[i].options, r, said);
	}
}

/* -- taken -------------------------------------------------------------------------------- */

struct good {
	const char *options;
	unsigned long long size;
};

static void sizes_are_taken_as_tmpfs_takes_them(void **state)
{
	static const struct good good[] = {
		{ "size=4096", 4096 },
		{ "size=64k", 64 << 10 },
		{ "size=64K", 64 << 10 },
		{ "size=3M", 3 << 20 },
		{ "size=1g,nr_segments=0,huge=never,mode=0", 1ULL << 30 },
		{ "size=1m,size=2m", 2 << 20 },
		{ "limit=3m", 3 << 20 },
		{ "size=1m,defaults,noexec,x-systemd.automount", 1 << 20 },
	};
	struct fixture *f = *state;
	struct daemon daemon;
	struct statvfs st;
	char point[PATH_MAX];

	snprintf(point, sizeof(point), "%s/mnt", f->dir);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_ok(daemon_start_ns(&daemon, SEGFS_PROGRAM, "team", point, good[i].options,
					  point));
		assert_ok(statvfs(point, &st));
		assert_int_equal(st.f_blocks * st.f_frsize, good[i].size);
		assert_int_equal(daemon_end(&daemon, SIGTERM), 0);
		assert_string_equal(daemon_said(&daemon), "");
	}
}

static void the_default_is_a_quarter_of_the_memory(void **state)
{
	const unsigned long long total =
		(unsigned long long)sysconf(_SC_PHYS_PAGES) * (unsigned long long)PAGE;
	struct fixture *f = *state;
	struct daemon daemon;
	struct statvfs st;
	char point[PATH_MAX];

	snprintf(point, sizeof(point), "%s/mnt", f->dir);
	assert_ok(daemon_start_ns(&daemon, SEGFS_PROGRAM, "team", point, NULL, point));
	assert_ok(statvfs(point, &st));
	assert_in_range(st.f_blocks * st.f_frsize, total / 4 - total / 50, total / 4 + PAGE);
	assert_int_equal(daemon_end(&daemon, SIGTERM), 0);
}

/* -- sd_notify ---------------------------------------------------------------------------- */

static int listen_for_readiness(const char *path)
{
	const struct timeval patience = { .tv_sec = 20 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	assert_ok(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return fd;
}

static void a_service_manager_is_told(void **state)
{
	static const char *const namespaces[] = { "host", "team" };
	struct fixture *f = *state;
	char path[96], point[PATH_MAX], text[64];
	struct daemon daemon;
	int fd;

	snprintf(path, sizeof(path), "%s/notify", f->dir);
	snprintf(point, sizeof(point), "%s/mnt", f->dir);
	fd = listen_for_readiness(path);
	for (int i = 0; i < 2; i++) {
		setenv("NOTIFY_SOCKET", path, 1);
		assert_ok(
			daemon_start_ns(&daemon, SEGFS_PROGRAM, namespaces[i], point, NULL, point));
		unsetenv("NOTIFY_SOCKET");
		memset(text, 0, sizeof(text));
		assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
		assert_string_equal(text, "READY=1");
		assert_int_equal(daemon_end(&daemon, SIGTERM), 0);
		assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1); /* once */
	}
	close(fd);
}

/* -- mount.segfs -------------------------------------------------------------------------- */

static void mount_segfs_mounts_in_the_background(void **state)
{
	struct fixture *f = *state;
	char helper[PATH_MAX], point[PATH_MAX], said[4096];
	const char *argv[] = { helper, "team", point, "-n", "-o", "rw,size=1m,noro", NULL };
	struct statvfs st;

	snprintf(helper, sizeof(helper), "%s/mount.segfs", f->dir);
	snprintf(point, sizeof(point), "%s/mnt", f->dir);
	assert_ok(symlink(SEGFS_PROGRAM, helper));
	assert_ok(mkdir(point, 0755));
	fixture_mounted(f, point);
	assert_int_equal(daemon_run(argv, said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_ok(statvfs(point, &st));
	assert_int_equal(st.f_blocks * st.f_frsize, 1 << 20);
	assert_ok(umount(point));
}

static void mount_segfs_can_fake(void **state)
{
	struct fixture *f = *state;
	char helper[PATH_MAX], said[4096];
	const char *fake[] = { helper, "team", f->dir, "-f", NULL };
	const char *namespace[] = { helper, "team", f->dir, "-N", "1", NULL };
	struct stat before = stat_path(f->dir);

	snprintf(helper, sizeof(helper), "%s/mount.segfs", f->dir);
	assert_ok(symlink(SEGFS_PROGRAM, helper));
	assert_int_equal(daemon_run(fake, said, sizeof(said)), 0);
	assert_int_equal(stat_path(f->dir).st_dev, before.st_dev);
	assert_int_equal(daemon_run(namespace, said, sizeof(said)), 2);
	assert_non_null(strstr(said, "nsenter"));
}

/* -- segfs --check ------------------------------------------------------------------------- */

static void check_finds_nothing_missing_where_segfs_mounts(void **state)
{
	const char *argv[] = { SEGFS_PROGRAM, "--check", NULL };
	char said[8192];

	(void)state;
	assert_int_equal(daemon_run(argv, said, sizeof(said)), 0);
	assert_null(strstr(said, "MISSING"));
	assert_non_null(strstr(said, "a trial file was passed through"));
}

struct check {
	char said[8192];
	int status;
};

static int check_without_capabilities(void *arg)
{
	const char *argv[] = { SEGFS_PROGRAM, "--check", NULL };
	struct check *check = arg;

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
	check->status = daemon_run(argv, check->said, sizeof(check->said));
	return 0;
}

static void check_says_what_to_do_without_capabilities(void **state)
{
	struct check *check = mmap(NULL, sizeof(*check), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ok(child_run(NULL, check_without_capabilities, check));
	assert_int_equal(check->status, 1);
	assert_non_null(strstr(check->said, "passthrough          MISSING"));
	assert_non_null(strstr(check->said, "CAP_SYS_ADMIN"));
	assert_non_null(strstr(check->said, "private namespaces   note"));
	munmap(check, sizeof(*check));
}

static int check_as_somebody(void *arg)
{
	const char *argv[] = { SEGFS_PROGRAM, "--check", NULL };
	struct check *check = arg;

	check->status = daemon_run(argv, check->said, sizeof(check->said));
	return 0;
}

static void check_works_for_anybody(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	const char *in_namespace[] = { "/usr/bin/unshare", "--user", SEGFS_PROGRAM, "--check",
				       NULL };
	struct check *check = mmap(NULL, sizeof(*check), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ok(child_run(&somebody, check_as_somebody, check));
	assert_int_equal(check->status, 1);
	assert_non_null(strstr(check->said, "passthrough          MISSING"));
	if (access(in_namespace[0], X_OK) == 0) {
		assert_int_equal(daemon_run(in_namespace, check->said, sizeof(check->said)), 1);
		assert_non_null(strstr(check->said, "user namespace       MISSING"));
	}
	munmap(check, sizeof(*check));
}

#define PLAIN(test)                                                                      \
	{                                                                                \
#test, test, fixture_setup, fixture_teardown, (void *)(intptr_t)SEG_FILE \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(bad_options_and_names_are_refused),
		PLAIN(sizes_are_taken_as_tmpfs_takes_them),
		PLAIN(the_default_is_a_quarter_of_the_memory),
		PLAIN(a_service_manager_is_told),
		PLAIN(mount_segfs_mounts_in_the_background),
		PLAIN(mount_segfs_can_fake),
		PLAIN(check_finds_nothing_missing_where_segfs_mounts),
		PLAIN(check_says_what_to_do_without_capabilities),
		PLAIN(check_works_for_anybody),
	};

	return RUN_MOUNTED(tests);
}
