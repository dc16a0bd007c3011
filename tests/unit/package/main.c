/* SPDX-License-Identifier: MIT */
/* The smallest program that uses an installed libseg. */
#include <seg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct seg *seg = NULL;
	void *addr = NULL;
	int r;

	if (argc != 2)
		return 2;
	r = seg_create(argv[1], 4096, 0600, SEG_EXCLUSIVE, &seg);
	if (r == 0)
		r = seg_map(seg, 0, 0, 0, &addr);
	if (r == 0) {
		strcpy((char *)addr, "hello");
		seg_unmap(addr, 4096);
	}
	if (seg)
		seg_destroy(argv[1], 0);
	seg_close(seg);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
