// SPDX-License-Identifier: MIT
/* Any bytes as /proc/sysvipc/shm: mounted over it, in a mount namespace of its own. */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "backend.h"
#include "fuzz.h"

#define TABLE "/dev/shm/table"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	if (unshare(CLONE_NEWNS) < 0) {
		fprintf(stderr, "skipped: needs CAP_SYS_ADMIN, to mount a table\n");
		exit(FUZZ_SKIPPED);
	}
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	check(mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL) == 0);
	close(open(TABLE, O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	check(mount(TABLE, "/proc/sysvipc/shm", NULL, MS_BIND, NULL) == 0);
	return 0;
}

static void write_table(const uint8_t *data, size_t size)
{
	int fd = open(TABLE, O_WRONLY | O_TRUNC | O_CLOEXEC);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static int check_line(const char *ref, const struct seg_stat *stat, void *arg)
{
	struct seg_name name;

	++*(unsigned *)arg;
	check(stat->kind == SEG_SYSV);
	check((stat->flags & ~SEG_STAT_REMOVED) == 0 && stat->nlink == !stat->flags);
	check((stat->mode & ~0777u) == 0);
	if (stat->key == 0 && stat->shmid < 0)
		return 0; /* the kernel never has such an id */
	check(seg_name_parse(ref, &name) == 0 && name.kind == SEG_SYSV);
	check(name.by_id ? name.shmid == stat->shmid : name.key == stat->key);
	return 0;
}

static unsigned count_lines(const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	while (size--)
		lines += *data++ == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seg_store *store = NULL;
	struct seg_stat stat;
	unsigned count = 0;

	write_table(data, size);
	check(seg_list(SEG_SYSV, check_line, &count) == 0);
	check(count <= count_lines(data, size));
	check(seg_store_open("/", &store) == 0);
	seg_statat(store, "sysv:id:0", &stat);
	seg_store_close(store);
	return 0;
}
