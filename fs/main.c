// SPDX-License-Identifier: MIT
/* segfs: options, the mount, the loop, and the end of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>

#include "../libseg/cleanup.h"
#include "backing.h"
#include "dir.h"
#include "ephemeral.h"
#include "mountpoint.h"
#include "ns.h"
#include "ops.h"
#include "options.h"

static void cleanup_session(struct fuse_session **se)
{
	if (*se)
		fuse_session_destroy(*se);
}

static void cleanup_options(struct options *opts)
{
	options_free(opts);
}

static void cleanup_ns(struct ns *ns)
{
	dir_close_all(ns);
	ns->nodes.fuse_fd = -1; /* the session, and all backing ids, are gone */
	nodes_free(&ns->nodes);
	seg_store_close(ns->nodes.store);
}

#define _cleanup_watcher_ _cleanup_(ephemeral_close)
#define _cleanup_session_ _cleanup_(cleanup_session)
#define _cleanup_options_ _cleanup_(cleanup_options)
#define _cleanup_ns_      _cleanup_(cleanup_ns)

static void log_to_stderr(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level; /* a call may be part of a line, which says "fuse:" at its start */
	vfprintf(stderr, fmt, ap);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "segfs: %s: %s\n", what, strerror(err));
	return -1;
}

static int ns_init(struct ns *ns, const struct options *opts)
{
	int r;

	*ns = (struct ns){
		.passthrough = !opts->nopassthrough,
		.rm_if_unused = opts->rm_if_unused,
	};
	clock_gettime(CLOCK_REALTIME, &ns->started);
	r = seg_store_open(NULL, &ns->nodes.store);
	return r < 0 ? fail("/dev/shm", -r) : 0;
}

/* One descriptor for each segment that is open: as many as we may have. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int mount_session(struct fuse_session *se, const char *mountpoint)
{
	_cleanup_close_ int claim = mountpoint_claim(mountpoint);

	if (claim == -EBUSY) {
		fprintf(stderr, "segfs: %s: a segfs is mounted there already\n", mountpoint);
		return -1;
	}
	if (claim < 0)
		return fail(mountpoint, -claim);
	/* libfuse says what is wrong */
	return fuse_session_mount(se, mountpoint) < 0 ? -1 : 0;
}

/* The kernel's first request is INIT; what it can do is known after that. */
static int receive_init(struct fuse_session *se)
{
	struct fuse_buf buf = { 0 };
	int r;

	do {
		r = fuse_session_receive_buf(se, &buf);
	} while (r == -EINTR);
	if (r > 0)
		fuse_session_process_buf(se, &buf);
	free(buf.mem);
	return r > 0 ? 0 : fail("no INIT from the kernel", r < 0 ? -r : EIO);
}

#define NO_CAPABILITY                                                         \
	"passthrough needs CAP_SYS_ADMIN in the initial user namespace: run " \
	"segfs as root on the host"

static const char *what_is_missing(const struct ns *ns, int err)
{
	if (!ns->nodes.passthrough || err == ENOTTY)
		return "this kernel has no FUSE passthrough: Linux 6.12 or later with "
		       "CONFIG_FUSE_PASSTHROUGH is needed";
	if (err == EPERM)
		return NO_CAPABILITY;
	if (err == EBADF)
		return "this kernel takes no O_PATH files for passthrough: Linux 6.12 or later "
		       "is needed";
	return strerror(err);
}

static int refuse(const char *what)
{
	fprintf(stderr, "segfs: %s; or mount without shared mappings: -o nopassthrough\n", what);
	return -1;
}

/* Without passthrough a mapping would be a copy of the segment, or fail. */
static int check_passthrough(const struct ns *ns)
{
	int r = ns->nodes.passthrough ? backing_probe(ns->nodes.fuse_fd) : -ENOTTY;

	return r == 0 ? 0 : refuse(what_is_missing(ns, -r));
}

static bool has_cap_sys_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, data) == 0 &&
	       data[0].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
}

static int start(struct fuse_session *se, struct ns *ns, const char *mountpoint)
{
	/* Before libfuse tries to mount by other means, and says that these have failed. */
	if (ns->passthrough && !has_cap_sys_admin())
		return refuse(NO_CAPABILITY);
	if (mount_session(se, mountpoint) < 0)
		return -1;
	ns->nodes.fuse_fd = fuse_session_fd(se);
	if (receive_init(se) < 0 || (ns->passthrough && check_passthrough(ns) < 0)) {
		fuse_session_unmount(se);
		return -1;
	}
	return 0;
}

/* The one who started us is told that the mount is there by way of @ready. */
static int go_to_background(int ready)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return fail("/dev/null", errno);
	fuse_log_enable_syslog("segfs", LOG_PID, LOG_DAEMON);
	return write(ready, "", 1) == 1 ? 0 : -1;
}

/* Before anything is opened or mounted. */
static void prepare_process(void)
{
	raise_fd_limit();
	umask(0);
	signal(SIGIO, SIG_IGN); /* a lease of ours broken where libseg does not see it */
	if (geteuid() == 0)
		setgroups(0, NULL); /* those of root are nobody's who calls us */
}

static int run(struct fuse_session *se, struct ns *ns, const char *mountpoint, int ready,
	       struct ephemeral *watcher)
{
	int r;

	if (start(se, ns, mountpoint) < 0)
		return 1;
	r = ephemeral_start(watcher);
	if (r < 0)
		fail("starting a thread", -r);
	else if (ready < 0 || go_to_background(ready) == 0)
		r = fuse_session_loop(se);
	fuse_session_unmount(se);
	return r < 0 ? 1 : 0;
}

static int serve(struct options *opts, int ready)
{
	_cleanup_ns_ struct ns ns = { 0 };
	_cleanup_watcher_ struct ephemeral watcher = { .events = -1, .stop = -1 };
	_cleanup_session_ struct fuse_session *se = NULL;
	int r;

	prepare_process();
	if (ns_init(&ns, opts) < 0)
		return 1;
	r = ephemeral_open(&watcher);
	if (r == -EPERM) /* as a user, who has no passthrough either */
		fprintf(stderr, "segfs: without CAP_SYS_ADMIN ephemeral segments stay\n");
	else if (r < 0)
		return fail("watching /dev/shm", -r), 1;
	se = fuse_session_new(&opts->args, &segfs_ops, sizeof(segfs_ops), &ns);
	if (!se) /* an option that libfuse does not know, of which it has told */
		return 2;
	if (fuse_set_signal_handlers(se) < 0)
		return 1;
	r = run(se, &ns, opts->mountpoint, ready, &watcher);
	fuse_remove_signal_handlers(se);
	return r;
}

/* The parent ends when the mount answers, or with the status of the child that could
 * not mount; so what comes next in a script finds the mount. */
static int wait_for_child(pid_t child, int ready)
{
	int status;
	char byte;

	if (read(ready, &byte, 1) == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

static int serve_in_background(struct options *opts)
{
	_cleanup_close_ int ready_read = -1, ready_write = -1;
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail("pipe", errno), 1;
	ready_read = fds[0];
	ready_write = fds[1];
	child = fork();
	if (child < 0)
		return fail("fork", errno), 1;
	if (child > 0) {
		close(steal_fd(&ready_write));
		return wait_for_child(child, ready_read);
	}
	close(steal_fd(&ready_read));
	setsid();
	if (chdir("/") < 0)
		return fail("/", errno), 1;
	return serve(opts, ready_write);
}

int main(int argc, char **argv)
{
	_cleanup_options_ struct options opts;
	int r;

	fuse_set_log_func(log_to_stderr);
	r = options_parse(argc, argv, &opts);
	if (r != 0 || opts.help || opts.version)
		return r;
	return opts.foreground ? serve(&opts, -1) : serve_in_background(&opts);
}
