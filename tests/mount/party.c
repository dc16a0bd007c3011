// SPDX-License-Identifier: MIT
/* party HOW NAME INDEX COUNT ROUNDS: one of the programs of party.h, in C.
 * HOW: shm_open, shmget (NAME: a key), mmap or pread (NAME: a file). */
#include "party.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

struct party {
	int index, count;
	unsigned char *memory; /* NULL: by system calls on the file */
	int fd;
	time_t end;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void map(struct party *p, int fd)
{
	p->memory = mmap(NULL, (size_t)p->count * PARTY_SLOT, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);
	if (p->memory == MAP_FAILED)
		die("mmap");
}

static void join(struct party *p, const char *how, const char *name)
{
	if (strcmp(how, "shmget") == 0) {
		int id = shmget((key_t)strtoul(name, NULL, 16), 0, 0);

		p->memory = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
		if (p->memory == (void *)-1)
			die(name);
		return;
	}
	p->fd = strcmp(how, "shm_open") == 0 ? shm_open(name, O_RDWR, 0) : open(name, O_RDWR);
	if (p->fd < 0)
		die(name);
	if (strcmp(how, "pread") != 0)
		map(p, p->fd);
}

static void get(const struct party *p, int index, size_t at, void *buf, size_t size)
{
	size_t off = (size_t)index * PARTY_SLOT + at;

	if (p->memory)
		memcpy(buf, p->memory + off, size);
	else if (pread(p->fd, buf, size, (off_t)off) != (ssize_t)size)
		die("pread");
}

static void put(const struct party *p, size_t at, const void *buf, size_t size)
{
	size_t off = (size_t)p->index * PARTY_SLOT + at;

	if (p->memory)
		memcpy(p->memory + off, buf, size);
	else if (pwrite(p->fd, buf, size, (off_t)off) != (ssize_t)size)
		die("pwrite");
}

static uint32_t *word_at(const struct party *p, int index, int word)
{
	return (uint32_t *)(void *)(p->memory + (size_t)index * PARTY_SLOT) + word;
}

static void write_word(const struct party *p, int word, uint32_t value)
{
	if (p->memory)
		__atomic_store_n(word_at(p, p->index, word), value, __ATOMIC_SEQ_CST);
	else
		put(p, (size_t)word * 4, &value, 4);
}

static uint32_t read_word(const struct party *p, int index, int word)
{
	uint32_t value;

	if (p->memory)
		return __atomic_load_n(word_at(p, index, word), __ATOMIC_SEQ_CST);
	get(p, index, (size_t)word * 4, &value, 4);
	return value;
}

static void wait_for_all(const struct party *p, int word, uint32_t round)
{
	for (int i = 0; i < p->count; i++) {
		while (read_word(p, i, word) != round) {
			if (time(NULL) > p->end) {
				fprintf(stderr, "party %d: %d is not at %u\n", p->index, i, round);
				exit(1);
			}
			sched_yield();
		}
	}
}

static unsigned char pattern(uint32_t round, int index, size_t k)
{
	return (unsigned char)(round * 7 + (unsigned)index * 31 + k);
}

static void check(const struct party *p, int index, uint32_t round)
{
	unsigned char bytes[PARTY_SLOT];

	get(p, index, 0, bytes, sizeof(bytes));
	for (size_t k = PARTY_PATTERN; k < PARTY_SLOT; k++) {
		if (bytes[k] == pattern(round, index, k))
			continue;
		fprintf(stderr, "party %d: byte %zu of %d is wrong in round %u\n", p->index, k,
			index, round);
		exit(1);
	}
}

static void play(const struct party *p, uint32_t round)
{
	unsigned char bytes[PARTY_SLOT];

	for (size_t k = PARTY_PATTERN; k < PARTY_SLOT; k++)
		bytes[k] = pattern(round, p->index, k);
	put(p, PARTY_PATTERN, bytes + PARTY_PATTERN, PARTY_SLOT - PARTY_PATTERN);
	write_word(p, 0, round);
	wait_for_all(p, 0, round);
	for (int i = 0; i < p->count; i++)
		check(p, i, round);
	write_word(p, 1, round);
	wait_for_all(p, 1, round);
}

int main(int argc, char **argv)
{
	struct party p = { .fd = -1, .end = time(NULL) + PARTY_PATIENCE_S };

	if (argc != 6)
		return 2;
	p.index = atoi(argv[3]);
	p.count = atoi(argv[4]);
	join(&p, argv[1], argv[2]);
	for (uint32_t round = 1; round <= (uint32_t)atoi(argv[5]); round++)
		play(&p, round);
	return 0;
}
