// SPDX-License-Identifier: MIT
#include "warm.h"

#include <string.h>
#include <time.h>

#define WARM_MS 20

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct warm *find(struct nodes *nodes, const struct node *node)
{
	for (size_t i = 0; i < WARM_MAX; i++)
		if (nodes->warm[i].node == node)
			return &nodes->warm[i];
	return NULL;
}

static void cool(struct warm *warm)
{
	warm->node->seg = seg_close(warm->node->seg);
	*warm = (struct warm){ 0 };
}

void warm_keep(struct nodes *nodes, struct node *node, struct seg **seg, pid_t pid)
{
	struct warm *warm = find(nodes, node);

	if (warm) {
		warm->shared |= warm->pid != pid;
		warm->until_ms = now_ms() + WARM_MS;
		return;
	}
	if (node->seg) /* open */
		return;
	warm = &nodes->warm[nodes->next_warm++ % WARM_MAX];
	if (warm->node)
		cool(warm);
	*warm = (struct warm){ .node = node, .pid = pid, .until_ms = now_ms() + WARM_MS };
	node->seg = *seg;
	*seg = NULL;
}

void warm_forget(struct nodes *nodes, struct node *node)
{
	struct warm *warm = find(nodes, node);

	if (warm)
		*warm = (struct warm){ 0 };
}

void warm_unlinked(struct nodes *nodes, const char *ref, pid_t pid)
{
	for (size_t i = 0; i < WARM_MAX; i++) {
		struct warm *warm = &nodes->warm[i];

		if (warm->node && !warm->shared && warm->pid == pid &&
		    strcmp(warm->node->ref, ref) == 0)
			cool(warm);
	}
}

int warm_expire(struct nodes *nodes)
{
	int64_t now = now_ms(), next = -1;

	for (size_t i = 0; i < WARM_MAX; i++) {
		struct warm *warm = &nodes->warm[i];

		if (!warm->node)
			continue;
		if (warm->until_ms <= now)
			cool(warm);
		else if (next < 0 || warm->until_ms < next)
			next = warm->until_ms;
	}
	return next < 0 ? -1 : (int)(next - now);
}
