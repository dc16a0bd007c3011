// SPDX-License-Identifier: MIT
/*
 * A fuzz target without libFuzzer: runs every file of the folders that are given,
 * and then mutations of them, the same ones each time.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define MAX_SEEDS 64
#define MAX_SIZE  8192
#define MUTATIONS 20000

struct input {
	uint8_t data[MAX_SIZE];
	size_t size;
};

struct seeds {
	struct input input[MAX_SEEDS];
	size_t count;
};

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

/* In memory of exactly its size, so that a sanitizer sees the first byte beyond. */
static void run(const struct input *input)
{
	uint8_t *copy = malloc(input->size + !input->size);

	check(copy);
	memcpy(copy, input->data, input->size);
	LLVMFuzzerTestOneInput(copy, input->size);
	free(copy);
}

static void read_seed(struct seeds *seeds, const char *folder, const char *name)
{
	struct input *input = &seeds->input[seeds->count++];
	char path[4096];
	FILE *file;

	check(seeds->count <= MAX_SEEDS);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	check(file);
	input->size = fread(input->data, 1, MAX_SIZE, file);
	fclose(file);
}

static void read_folder(struct seeds *seeds, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	check(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			read_seed(seeds, folder, entry->d_name);
	closedir(dir);
}

/* xorshift: the same numbers on every machine. */
static uint32_t next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static void insert(struct input *input, size_t at, uint8_t byte, size_t times)
{
	if (input->size + times > MAX_SIZE)
		return;
	memmove(input->data + at + times, input->data + at, input->size - at);
	memset(input->data + at, byte, times);
	input->size += times;
}

static void mutate(struct input *input, uint32_t *random)
{
	size_t at = input->size ? next(random) % input->size : 0;
	uint8_t byte = (uint8_t)next(random);

	switch (next(random) % 6) {
	case 0:
		insert(input, at, byte, 1);
		break;
	case 1:
		insert(input, at, byte, next(random) % 300);
		break;
	case 2:
		insert(input, at, "/:.0xi\n -"[next(random) % 9], 1);
		break;
	case 3:
		input->size = at;
		break;
	default:
		input->data[at] = byte;
		if (input->size == 0)
			input->size = 1;
	}
}

int main(int argc, char **argv)
{
	static struct seeds seeds;
	static struct input input;
	uint32_t random = 2463534242u;

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		read_folder(&seeds, argv[i]);
	check(seeds.count > 0);
	for (size_t i = 0; i < seeds.count; i++)
		run(&seeds.input[i]);
	for (int i = 0; i < MUTATIONS; i++) {
		input = seeds.input[next(&random) % seeds.count];
		for (uint32_t count = 1 + next(&random) % 4; count > 0; count--)
			mutate(&input, &random);
		run(&input);
	}
	printf("%zu seeds, %d mutations\n", seeds.count, MUTATIONS);
	return 0;
}
