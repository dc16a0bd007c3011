/* SPDX-License-Identifier: MIT */
/* What libFuzzer calls, and a check that stays in whatever the build is. */
#ifndef SEGFS_TEST_FUZZ_H
#define SEGFS_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Exit status of a test that can't be run here. */
#define FUZZ_SKIPPED 77

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

#endif
