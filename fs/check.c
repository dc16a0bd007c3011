// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "../libseg/cleanup.h"
#include "backing.h"
#include "ns.h"
#include "ops.h"
#include "private.h"
#include "publish.h"
#include "serve.h"

/* From linux/proc_ns.h: the inode number of the initial user namespace. */
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU

#define SHMEM_POLICY "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

#define UNTRIED "not tried, for want of rights: run as root"

enum verdict { OK, MISSING, NOTE };

/* Return: the verdict; @text: what was found, and what to do. */
typedef enum verdict check_fn(char *text, size_t size);

static enum verdict say(enum verdict verdict, char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static enum verdict say(enum verdict verdict, char *text, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, size, format, ap);
	va_end(ap);
	return verdict;
}

static enum verdict check_kernel(char *text, size_t size)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major > 6 || (major == 6 && minor >= 12)))
		return say(OK, text, size, "%s", name.release);
	return say(MISSING, text, size, "%s: Linux 6.12 or later is needed", name.release);
}

static enum verdict check_libfuse(char *text, size_t size)
{
	return say(OK, text, size, "%s", fuse_pkgversion());
}

static enum verdict check_device(char *text, size_t size)
{
	_cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return say(OK, text, size, "/dev/fuse opens");
	return say(MISSING, text, size, "/dev/fuse: %s: %s", strerror(errno),
		   errno == EACCES ? "run as root"
				   : "`modprobe fuse`, or give it to the container");
}

static enum verdict check_user_namespace(char *text, size_t size)
{
	struct stat st;

	if (stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USER_NAMESPACE)
		return say(OK, text, size, "the initial one");
	return say(MISSING, text, size, "not the initial one: run segfs on the host");
}

/* A FUSE file system that is mounted nowhere, as far as its INIT. */
static int detached_session(struct ns *ns, int *mount, struct fuse_session **ret)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	_cleanup_close_ int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int fs = fsopen("fuse", FSOPEN_CLOEXEC);
	char number[16], path[32];

	snprintf(number, sizeof(number), "%d", device);
	snprintf(path, sizeof(path), "/dev/fd/%d", device);
	if (device < 0 || fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "fd", number, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "rootmode", "40755", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "user_id", "0", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "group_id", "0", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	*mount = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (*mount < 0)
		return -errno;
	if (fuse_opt_add_arg(&args, "segfs") < 0)
		return -ENOMEM;
	*ret = fuse_session_new(&args, &segfs_ops, sizeof(segfs_ops), ns);
	fuse_opt_free_args(&args);
	if (!*ret || fuse_session_mount(*ret, path) < 0)
		return -EIO;
	steal_fd(&device); /* the session closes it */
	return session_receive_init(*ret) < 0 ? -EIO : 0;
}

static enum verdict check_passthrough(char *text, size_t size)
{
	struct ns ns = { .passthrough = true };
	struct fuse_session *se = NULL;
	_cleanup_close_ int mount = -1;
	bool answered;
	int r;

	r = detached_session(&ns, &mount, &se);
	answered = r == 0; /* else nothing is known about what the kernel has */
	if (r == 0)
		r = ns.nodes.passthrough ? backing_probe(fuse_session_fd(se)) : -ENOTTY;
	if (se)
		fuse_session_destroy(se);
	if (r == 0)
		return say(OK, text, size, "a trial file was passed through");
	return say(MISSING, text, size, "%s",
		   session_what_is_missing(ns.nodes.passthrough || !answered, -r));
}

static enum verdict check_sysv(char *text, size_t size)
{
	_cleanup_seg_ struct seg *seg = NULL;
	_cleanup_seg_ struct seg *path = NULL;
	int r;

	r = seg_create("sysv:0", 4096, 0600, SEG_EXCLUSIVE, &seg);
	if (r < 0)
		return say(NOTE, text, size, "no segment can be made: %s", strerror(-r));
	r = seg_open(seg_ref(seg), SEG_PATH, &path);
	seg_destroy(seg_ref(seg), 0);
	if (r == 0)
		return say(OK, text, size, "a trial segment was opened as a file");
	return say(NOTE, text, size,
		   "segments can't be opened as files: %s: CAP_CHECKPOINT_RESTORE and "
		   "CONFIG_CHECKPOINT_RESTORE are needed",
		   strerror(-r));
}

static int try_store(const char *huge, unsigned flags)
{
	const struct store_options opts = { .size = 1 << 20, .huge = huge, .mode = 0700 };
	_cleanup_close_ int fd = private_store_create("segfs-check", &opts);
	struct seg_store *store = NULL;
	struct seg *seg = NULL;
	char path[32];
	int r;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = seg_store_open(path, &store);
	if (r == 0)
		r = seg_createat(store, "/check", 4096, 0600, flags, &seg);
	seg_close(seg);
	seg_store_close(store);
	return r;
}

static enum verdict check_private(char *text, size_t size)
{
	int r = try_store(NULL, 0);

	if (r == 0)
		return say(OK, text, size, "a trial store was made");
	return say(NOTE, text, size, "no store can be made: %s: run as root", strerror(-r));
}

static enum verdict check_ephemeral(char *text, size_t size)
{
	int r = try_store(NULL, SEG_EPHEMERAL);

	if (r == 0)
		return say(OK, text, size, "a trial segment took the mark");
	if (r == -EPERM)
		return say(NOTE, text, size, "%s", UNTRIED);
	return say(NOTE, text, size,
		   "%s: user attributes on tmpfs are needed (Linux 6.6, CONFIG_TMPFS_XATTR)",
		   strerror(-r));
}

static bool read_word(const char *path, char *buf, int size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, size, f))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static enum verdict check_huge(char *text, size_t size)
{
	char policy[128] = "";
	int r = try_store("within_size", 0);

	if (r == -EPERM)
		return say(NOTE, text, size, "%s", UNTRIED);
	if (r < 0)
		return say(NOTE, text, size,
			   "huge= is refused: %s: CONFIG_TRANSPARENT_HUGEPAGE is needed",
			   strerror(-r));
	read_word(SHMEM_POLICY, policy, sizeof(policy));
	if (strstr(policy, "[deny]"))
		return say(NOTE, text, size, "denied to all: `echo never >" SHMEM_POLICY "`");
	return say(OK, text, size, "huge=within_size is taken");
}

static enum verdict check_propagation(char *text, size_t size)
{
	if (publish_is_shared("/run"))
		return say(OK, text, size, "/run is a shared mount");
	return say(NOTE, text, size,
		   "/run is not a shared mount: segfs makes the parents of private namespaces "
		   "shared; for a host mount, `mount --make-shared` its parent");
}

static enum verdict check_userns_users(char *text, size_t size)
{
	char max[32] = "";

	if (read_word("/proc/sys/user/max_user_namespaces", max, sizeof(max)) && strcmp(max, "0"))
		return say(OK, text, size, "containers can have their own");
	return say(NOTE, text, size,
		   "off: rootless containers need `sysctl user.max_user_namespaces`");
}

static enum verdict check_uring(char *text, size_t size)
{
	char value[8] = "";

	read_word("/sys/module/fuse/parameters/enable_uring", value, sizeof(value));
	return say(NOTE, text, size, "%s (segfs does not use it)",
		   *value == 'Y' ? "on"
		   : *value      ? "off"
				 : "not in this kernel");
}

static const struct {
	const char *name;
	check_fn *check;
} checks[] = {
	{ "kernel", check_kernel },
	{ "libfuse", check_libfuse },
	{ "device", check_device },
	{ "user namespace", check_user_namespace },
	{ "passthrough", check_passthrough },
	{ "System V", check_sysv },
	{ "private namespaces", check_private },
	{ "ephemeral segments", check_ephemeral },
	{ "huge pages", check_huge },
	{ "propagation", check_propagation },
	{ "user namespaces", check_userns_users },
	{ "FUSE over io_uring", check_uring },
};

int check_machine(void)
{
	static const char *const words[] = { [OK] = "ok", [MISSING] = "MISSING", [NOTE] = "note" };
	int status = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		char text[512];
		enum verdict verdict = checks[i].check(text, sizeof(text));

		printf("%-20s %-8s %s\n", checks[i].name, words[verdict], text);
		if (verdict == MISSING)
			status = 1;
	}
	return status;
}
