// SPDX-License-Identifier: MIT
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "format.h"

#define PATIENCE_MS 1000
#define PERIOD_MS   100
#define BAR_WIDTH   20

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_start(struct progress *progress, uint64_t total, bool wanted)
{
	*progress = (struct progress){
		.wanted = wanted && isatty(STDERR_FILENO),
		.total = total,
		.started = now_ms(),
	};
}

static void show_bar(double part)
{
	int filled = (int)(part * BAR_WIDTH);

	fprintf(stderr, "%3d%% [", (int)(part * 100));
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '=' : i == filled ? '>' : ' ', stderr);
	fputs("] ", stderr);
}

static void show(const struct progress *progress, uint64_t done, int64_t elapsed)
{
	double rate = (double)done * 1000 / (double)elapsed;
	char buf[FORMAT_MAX];

	fputc('\r', stderr);
	if (progress->total != UINT64_MAX)
		show_bar((double)done / (double)progress->total);
	fputs(format_size(done, false, buf), stderr);
	if (progress->total != UINT64_MAX)
		fprintf(stderr, " of %s", format_size(progress->total, false, buf));
	fprintf(stderr, ", %s/s\033[K", format_size((uint64_t)rate, false, buf));
}

void progress_update(struct progress *progress, uint64_t done)
{
	int64_t now;

	if (!progress->wanted)
		return;
	now = now_ms();
	if (now - progress->started < PATIENCE_MS || now - progress->shown < PERIOD_MS)
		return;
	show(progress, done, now - progress->started);
	progress->shown = now;
	progress->visible = true;
}

void progress_end(struct progress *progress)
{
	if (progress->visible)
		fputs("\r\033[K", stderr);
	progress->visible = false;
}
