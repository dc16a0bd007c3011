// SPDX-License-Identifier: MIT
/* One worker: the mount, what the kernel can do, the loop, and the end of it. */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>

#include "../libseg/cleanup.h"
#include "backing.h"
#include "creds.h"
#include "dir.h"
#include "ephemeral.h"
#include "mountpoint.h"
#include "notify.h"
#include "ns.h"
#include "ops.h"
#include "warm.h"

static void cleanup_session(struct fuse_session **se)
{
	if (*se)
		fuse_session_destroy(*se);
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
#define _cleanup_ns_      _cleanup_(cleanup_ns)

int fail(const char *what, int err)
{
	fprintf(stderr, "segfs: %s: %s\n", what, strerror(err));
	return -1;
}

int await_ready(pid_t child, int ready)
{
	int status;
	char byte;

	if (read(ready, &byte, 1) == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (WIFSIGNALED(status)) /* else it has said why */
		fprintf(stderr, "segfs: killed while starting: %s\n", strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

int leave_terminal(void)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return fail("/dev/null", errno);
	fuse_log_enable_syslog("segfs", LOG_PID, LOG_DAEMON);
	return 0;
}

/* What workers before this one were told, and the mounts that they left, which may be
 * in use for a long time. */
static void succeed(struct ns *ns, const struct options *opts)
{
	size_t n = sizeof(opts->mounts) / sizeof(opts->mounts[0]);

	private_root_get(seg_store_fd(ns->nodes.store), &ns->root);
	while (n-- > 0)
		if (opts->mounts[n])
			seg_store_add_mount(ns->nodes.store, opts->mounts[n]);
}

/* @path: of the store; NULL: /dev/shm */
static int ns_init(struct ns *ns, const struct options *opts, const char *path)
{
	int r;

	*ns = (struct ns){
		.passthrough = !opts->nopassthrough,
		.rm_if_unused = opts->rm_if_unused,
		.preallocate = opts->preallocate,
		.flat = opts->private,
		.root = { .uid = opts->store.uid,
			  .gid = opts->store.gid,
			  .mode = opts->store.mode },
	};
	jobs_init(&ns->jobs);
	clock_gettime(CLOCK_REALTIME, &ns->started);
	r = seg_store_open(path, &ns->nodes.store);
	if (r < 0)
		return fail(path ? path : "/dev/shm", -r);
	if (ns->flat)
		succeed(ns, opts);
	return 0;
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

int session_receive_init(struct fuse_session *se)
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

const char *session_what_is_missing(bool negotiated, int err)
{
	if (!negotiated || err == ENOTTY)
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

	return r == 0 ? 0 : refuse(session_what_is_missing(ns->nodes.passthrough, -r));
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
	if (mount_session(se, mountpoint) < 0)
		return -1;
	ns->nodes.fuse_fd = fuse_session_fd(se);
	if (ns->flat) /* the store is shown here, and nowhere else but by dead mounts */
		seg_store_add_mount(ns->nodes.store, mountpoint_device(mountpoint));
	if (session_receive_init(se) < 0 || (ns->passthrough && check_passthrough(ns) < 0)) {
		fuse_session_unmount(se);
		return -1;
	}
	return 0;
}

/* Before anything is opened or mounted. */
static int prepare_process(void)
{
	raise_fd_limit();
	umask(0);
	signal(SIGIO, SIG_IGN); /* a lease of ours broken where libseg does not see it */
	return creds_init();
}

/* Whoever started us learns that the mount is there. */
static int tell_ready(const struct options *opts, int ready)
{
	if (!opts->foreground && leave_terminal() < 0)
		return -1;
	if (ready < 0) /* else whoever waits says so, to whom it concerns */
		notify_ready();
	return ready < 0 || write(ready, "", 1) == 1 ? 0 : -1;
}

/* Signals end the loop, and are let in only here: a read() that one came just before
 * would wait for a request that never comes. */
static void wait_for_request(struct fuse_session *se, struct ns *ns, const sigset_t *signals)
{
	struct pollfd fd = { .fd = fuse_session_fd(se), .events = POLLIN };
	int ms = warm_expire(&ns->nodes);
	const struct timespec timeout = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	ppoll(&fd, 1, ms < 0 ? NULL : &timeout, signals);
}

static int serve_requests(struct fuse_session *se, struct ns *ns, const sigset_t *signals)
{
	struct fuse_buf buf = { 0 };
	int r = 0;

	while (!fuse_session_exited(se)) {
		wait_for_request(se, ns, signals);
		r = fuse_session_receive_buf(se, &buf);
		if (r > 0)
			fuse_session_process_buf(se, &buf);
		else if (r != -EINTR && r != -EAGAIN)
			break;
	}
	free(buf.mem);
	return r < 0 && !fuse_session_exited(se) ? r : 0;
}

/* As fuse_session_loop(), but for the wait. Return: 0 when the mount has ended. */
static int loop(struct fuse_session *se, struct ns *ns)
{
	int fd = fuse_session_fd(se), r;
	sigset_t block, old;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGHUP);
	sigprocmask(SIG_BLOCK, &block, &old);
	r = serve_requests(se, ns, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static int run(struct fuse_session *se, struct ns *ns, const struct options *opts, int ready,
	       struct ephemeral *watcher)
{
	int r;

	if (start(se, ns, opts->mountpoint) < 0)
		return 1;
	r = ephemeral_start(watcher);
	if (r < 0)
		fail("starting a thread", -r);
	else
		r = tell_ready(opts, ready);
	if (r == 0)
		r = loop(se, ns);
	jobs_end(&ns->jobs);
	fuse_session_unmount(se);
	return r < 0 ? 1 : 0;
}

int serve(struct options *opts, int store, int ready)
{
	_cleanup_ns_ struct ns ns = { 0 };
	_cleanup_watcher_ struct ephemeral watcher = { .events = -1, .stop = -1 };
	_cleanup_session_ struct fuse_session *se = NULL;
	char fd_path[32], *path = NULL;
	int r;

	/* Before libfuse tries to mount by other means, and says that these have failed. */
	if (!opts->nopassthrough && !has_cap_sys_admin())
		return refuse(NO_CAPABILITY), 1;
	r = prepare_process();
	if (r < 0)
		return fail("capabilities", -r), 1;
	if (store >= 0) {
		snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", store);
		path = fd_path;
	}
	if (ns_init(&ns, opts, path) < 0)
		return 1;
	r = ephemeral_open(&watcher, path);
	if (r == -EPERM && opts->nopassthrough)
		fprintf(stderr, "segfs: without CAP_SYS_ADMIN ephemeral segments stay\n");
	else if (r < 0 && r != -EPERM) /* then the lack of passthrough will be told */
		return fail("watching for the end of ephemeral segments", -r), 1;
	se = fuse_session_new(&opts->args, &segfs_ops, sizeof(segfs_ops), &ns);
	if (!se) /* an option that libfuse does not know, of which it has told */
		return 2;
	if (fuse_set_signal_handlers(se) < 0)
		return 1;
	r = run(se, &ns, opts, ready, &watcher);
	fuse_remove_signal_handlers(se);
	return r;
}
