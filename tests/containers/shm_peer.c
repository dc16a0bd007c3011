// SPDX-License-Identifier: MIT
/*
 * shm_peer write|read NAME TEXT: a program that knows nothing of segfs. The reader
 * waits for the writer by a named semaphore, whichever comes first.
 */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE 4096

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int put(const char *name, sem_t *ready, const char *text)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	char *addr;

	if (fd < 0 || ftruncate(fd, SIZE) < 0)
		return fail(name);
	addr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		return fail("mmap");
	snprintf(addr, SIZE, "%s", text);
	return sem_post(ready) < 0 ? fail("sem_post") : 0;
}

static int get(const char *name, sem_t *ready, const char *text)
{
	struct timespec end;
	char *addr;
	int fd;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	while (sem_timedwait(ready, &end) < 0)
		if (errno != EINTR)
			return fail("sem_timedwait");
	fd = shm_open(name, O_RDONLY, 0);
	if (fd < 0)
		return fail(name);
	addr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		return fail("mmap");
	if (strcmp(addr, text) != 0) {
		fprintf(stderr, "'%s' instead of '%s'\n", addr, text);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	char semaphore[256];
	sem_t *ready;

	if (argc != 4)
		return 2;
	snprintf(semaphore, sizeof(semaphore), "%s-ready", argv[2]);
	ready = sem_open(semaphore, O_CREAT, 0600, 0);
	if (ready == SEM_FAILED)
		return fail("sem_open");
	return strcmp(argv[1], "write") == 0 ? put(argv[2], ready, argv[3])
					     : get(argv[2], ready, argv[3]);
}
