// SPDX-License-Identifier: MIT
/* Directories: complete, each name once, whatever comes and goes, and however many. */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <time.h>

#include "mounted.h"

enum { STABLE = 2000, CROWD = 20000, DESCRIPTORS = 1024 };

static void name_of(char name[static 64], int i)
{
	snprintf(name, 64, "segfs-test-%d-crowd-%d", getpid(), i);
}

static void create_many(const char *dir, int count)
{
	int dirfd = open_file(dir, O_RDONLY | O_DIRECTORY);
	char name[64];

	for (int i = 0; i < count; i++) {
		int fd;

		name_of(name, i);
		fd = openat(dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		assert_return_code(fd, errno);
		close(fd);
	}
	close(dirfd);
}

static void remove_many(const char *dir, int count)
{
	int dirfd = open_file(dir, O_RDONLY | O_DIRECTORY);
	char name[64];

	for (int i = 0; i < count; i++) {
		name_of(name, i);
		unlinkat(dirfd, name, 0);
	}
	close(dirfd);
}

/* How often each of the crowd is listed; the number of all other entries. */
static int count_listed(DIR *dir, unsigned char *seen)
{
	struct dirent *entry;
	int others = 0, i;

	while (errno = 0, entry = readdir(dir)) {
		const char *number = strstr(entry->d_name, "-crowd-");

		if (number && sscanf(number, "-crowd-%d", &i) == 1)
			seen[i]++;
		else
			others++;
	}
	assert_int_equal(errno, 0);
	return others;
}

static void assert_each_once(const unsigned char *seen, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(seen[i], 1);
}

/* -- what is in an entry --------------------------------------------------------------- */

static void the_root_has_two_directories(void **state)
{
	struct mounted *m = *state;
	DIR *dir = opendir(m->point);
	struct dirent *entry;
	int posix = 0, sysv = 0, all = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		assert_int_equal(entry->d_type, DT_DIR);
		posix += strcmp(entry->d_name, "posix") == 0;
		sysv += strcmp(entry->d_name, "sysv") == 0;
		all++;
	}
	closedir(dir);
	assert_int_equal(posix, 1);
	assert_int_equal(sysv, 1);
	assert_int_equal(all, 4); /* "." and ".." */
}

static void an_entry_has_its_type_and_inode(void **state)
{
	struct mounted *m = *state;
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	seg_close(create_seg(m->ref, 100, 0));
	dir = opendir(m->f->kind == SEG_POSIX ? m->posix : m->sysv);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, strrchr(m->path, '/') + 1) != 0)
			continue;
		found = true;
		assert_int_equal(entry->d_type, DT_REG);
		assert_int_equal(entry->d_ino, stat_path(m->path).st_ino);
	}
	closedir(dir);
	assert_true(found);
}

/* -- positions ---------------------------------------------------------------------------- */

static void a_position_can_be_returned_to(void **state)
{
	struct mounted *m = *state;
	struct dirent *entry;
	char third[256];
	long after_two;
	DIR *dir;

	create_many("/dev/shm", 10);
	dir = opendir(m->posix);
	assert_non_null(dir);
	assert_non_null(readdir(dir));
	assert_non_null(readdir(dir));
	after_two = telldir(dir);
	entry = readdir(dir);
	assert_non_null(entry);
	strcpy(third, entry->d_name);
	while (readdir(dir))
		;
	seekdir(dir, after_two);
	entry = readdir(dir);
	assert_non_null(entry);
	assert_string_equal(entry->d_name, third);
	closedir(dir);
	remove_many("/dev/shm", 10);
}

static void rewinding_reads_the_names_anew(void **state)
{
	struct mounted *m = *state;
	unsigned char seen[20] = { 0 };
	DIR *dir = opendir(m->posix);

	assert_non_null(dir);
	count_listed(dir, seen);
	assert_int_equal(seen[0], 0);
	create_many("/dev/shm", 20);
	rewinddir(dir);
	count_listed(dir, seen);
	assert_each_once(seen, 20);
	remove_many(m->posix, 20);
	rewinddir(dir);
	assert_int_equal(count_listed(dir, seen), 2);
	assert_each_once(seen, 20);
	closedir(dir);
}

/* -- others create and remove meanwhile ------------------------------------------------------ */

struct coming_and_going {
	const char *dir;
	_Atomic bool *over;
};

static int come_and_go(void *arg)
{
	const struct coming_and_going *c = arg;
	int dirfd = open(c->dir, O_RDONLY | O_DIRECTORY);
	char name[64];

	for (unsigned i = 0; !*c->over; i++) {
		snprintf(name, sizeof(name), "segfs-test-%d-%u", getpid(), i % 500);
		if (unlinkat(dirfd, name, 0) < 0)
			close(openat(dirfd, name, O_CREAT | O_RDWR, 0600));
	}
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "segfs-test-%d-%u", getpid(), i);
		unlinkat(dirfd, name, 0);
	}
	return 0;
}

static void names_that_stay_are_listed_once_whatever_comes_and_goes(void **state)
{
	struct mounted *m = *state;
	_Atomic bool *over =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct coming_and_going direct = { "/dev/shm", over }, mounted = { m->posix, over };
	unsigned char seen[STABLE];
	struct peer *one, *two;

	create_many("/dev/shm", STABLE);
	one = peer_spawn(m->f, come_and_go, &direct);
	two = peer_spawn(m->f, come_and_go, &mounted);
	for (int i = 0; i < 40; i++) {
		DIR *dir = opendir(m->posix);

		assert_non_null(dir);
		memset(seen, 0, sizeof(seen));
		count_listed(dir, seen);
		assert_each_once(seen, STABLE);
		closedir(dir);
	}
	*over = true;
	assert_ok(peer_join(one));
	assert_ok(peer_join(two));
	remove_many("/dev/shm", STABLE);
	munmap((void *)over, PAGE);
}

/* -- twenty thousand, and a thousand descriptors ------------------------------------------------
 */

static int setup_with_few_descriptors(void **state)
{
	struct rlimit before, few = { DESCRIPTORS, DESCRIPTORS };
	int r;

	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &few);
	r = mounted_setup(state);
	setrlimit(RLIMIT_NOFILE, &before);
	return r;
}

#define WITH_FEW(test) TEST_WITH(setup_with_few_descriptors, test, "posix", SEG_POSIX)

static void twenty_thousand_are_listed_and_looked_at(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	unsigned char *seen = calloc(CROWD, 1);
	char path[PATH_MAX], name[64];
	DIR *dir;

	create_many("/dev/shm", CROWD);
	dir = opendir(m->posix);
	assert_non_null(dir);
	assert_int_equal(count_listed(dir, seen), 2);
	assert_each_once(seen, CROWD);
	for (int i = 0; i < CROWD; i++) { /* as ls -l does */
		name_of(name, i);
		snprintf(path, sizeof(path), "%s/%s", m->posix, name);
		assert_true(S_ISREG(stat_path(path).st_mode));
	}
	closedir(dir);
	assert_daemon_has(m, base);
	remove_many("/dev/shm", CROWD);
	free(seen);
}

static void without_descriptors_an_open_is_emfile_and_the_daemon_goes_on(void **state)
{
	struct mounted *m = *state;
	int fds[DESCRIPTORS + 100], open_count = 0, r = 0;
	char path[PATH_MAX], name[64];

	create_many("/dev/shm", DESCRIPTORS + 100);
	for (int i = 0; i < DESCRIPTORS + 100 && r == 0; i++) {
		name_of(name, i);
		snprintf(path, sizeof(path), "%s/%s", m->posix, name);
		fds[i] = open(path, O_RDWR | O_CLOEXEC);
		r = fds[i] < 0 ? -errno : 0;
		open_count += r == 0;
	}
	assert_int_equal(r, -EMFILE);
	assert_true(open_count > DESCRIPTORS - 50);
	stat_path(path); /* names are served without */
	for (int i = 0; i < open_count; i++)
		close(fds[i]);
	write_file(m->path, "there is room again");
	assert_content(m->path, "there is room again");
	remove_many("/dev/shm", DESCRIPTORS + 100);
}

static void a_thousand_sysv_segments_are_listed(void **state)
{
	struct mounted *m = *state;
	struct dirent *entry;
	int count = 0, ids[1000];
	struct stat st;
	DIR *dir;

	for (int i = 0; i < 1000; i++)
		ids[i] = shmget(IPC_PRIVATE, (size_t)i + 1, IPC_CREAT | 0600);
	dir = opendir(m->sysv);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "id-", 3) == 0)
			count += fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && st.st_size > 0;
	}
	closedir(dir);
	for (int i = 0; i < 1000; i++)
		shmctl(ids[i], IPC_RMID, NULL);
	assert_int_equal(count, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(the_root_has_two_directories),
		MOUNTED_BOTH(an_entry_has_its_type_and_inode),
		MOUNTED_POSIX(a_position_can_be_returned_to),
		MOUNTED_POSIX(rewinding_reads_the_names_anew),
		MOUNTED_POSIX(names_that_stay_are_listed_once_whatever_comes_and_goes),
		WITH_FEW(twenty_thousand_are_listed_and_looked_at),
		WITH_FEW(without_descriptors_an_open_is_emfile_and_the_daemon_goes_on),
		MOUNTED_SYSV(a_thousand_sysv_segments_are_listed),
	};

	return RUN_MOUNTED(tests);
}
