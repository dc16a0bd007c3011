// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cleanup.h"
#include "progress.h"
#include "segctl.h"

#define CHUNK ((size_t)256 << 10)
#define BLOCK ((size_t)4096) /* the smallest hole */

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static ssize_t read_some(struct end *from, char *buf, size_t n)
{
	ssize_t r;

	if (from->fd < 0) {
		memcpy(buf, from->map + from->at, n);
		from->at += n;
		return (ssize_t)n;
	}
	do {
		r = read(from->fd, buf, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Whether it is a hole that comes next. What can't seek or has no holes has data. */
static uint64_t skip_hole(struct end *from, uint64_t left)
{
	off_t at, data;

	if (from->fd < 0)
		return 0;
	at = lseek(from->fd, 0, SEEK_CUR);
	if (at < 0)
		return 0;
	data = lseek(from->fd, at, SEEK_DATA);
	if (data < 0 && errno == ENXIO) /* nothing but a hole up to the end */
		data = lseek(from->fd, 0, SEEK_END);
	if (data <= at)
		return lseek(from->fd, at, SEEK_SET), 0;
	left = min(left, (uint64_t)(data - at));
	return lseek(from->fd, at + (off_t)left, SEEK_SET) < 0 ? 0 : left;
}

static int write_all(struct end *to, const char *buf, size_t n)
{
	if (to->fd < 0) {
		memcpy(to->map + to->at, buf, n);
		to->at += n;
		return 0;
	}
	while (n > 0) {
		ssize_t r = write(to->fd, buf, n);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			buf += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

static int write_zeros(struct end *to, uint64_t n)
{
	static const char zeros[64 << 10];
	int r = 0;

	if (to->holes && to->fd < 0)
		to->at += n;
	else if (to->holes)
		return lseek(to->fd, (off_t)n, SEEK_CUR) < 0 ? -errno : 0;
	else
		for (uint64_t step; n > 0 && r == 0; n -= step) {
			step = min(n, sizeof(zeros));
			r = write_all(to, zeros, step);
		}
	return r;
}

static bool is_zero(const char *buf, size_t n)
{
	return buf[0] == 0 && memcmp(buf, buf + 1, n - 1) == 0;
}

/* How long it goes on as it begins: with blocks of zeros, or with others. */
static size_t run_length(const char *buf, size_t n, bool *zero)
{
	size_t length = min(n, BLOCK);

	*zero = is_zero(buf, length);
	while (length < n && is_zero(buf + length, min(n - length, BLOCK)) == *zero)
		length += min(n - length, BLOCK);
	return length;
}

static int write_some(struct end *to, const char *buf, size_t n)
{
	bool zero;
	int r = 0;

	if (!to->holes)
		return write_all(to, buf, n);
	for (size_t length; n > 0 && r == 0; buf += length, n -= length) {
		length = run_length(buf, n, &zero);
		r = zero ? write_zeros(to, length) : write_all(to, buf, length);
	}
	return r;
}

/* A hole at the very end is not there before the size is. */
static int finish(struct end *to)
{
	struct stat st;
	off_t at;

	if (!to->holes || to->fd < 0)
		return 0;
	at = lseek(to->fd, 0, SEEK_CUR);
	if (at < 0 || fstat(to->fd, &st) < 0)
		return -errno;
	return st.st_size < at && ftruncate(to->fd, at) < 0 ? -errno : 0;
}

static int failed(const struct end *end, int r)
{
	complain(end->name, r);
	return r;
}

/* Return: how many bytes there were; 0 at the end; or an errno, which is on stderr. */
static int64_t copy_some(struct end *from, struct end *to, uint64_t left, char *buf)
{
	/* A hole that has to be written takes as long as data. */
	uint64_t hole = skip_hole(from, to->holes ? left : min(left, CHUNK));
	ssize_t n;
	int r;

	if (hole > 0) {
		r = write_zeros(to, hole);
		return r < 0 ? failed(to, r) : (int64_t)hole;
	}
	n = read_some(from, buf, min(left, CHUNK));
	if (n <= 0)
		return n < 0 ? failed(from, (int)n) : 0;
	r = write_some(to, buf, (size_t)n);
	return r < 0 ? failed(to, r) : n;
}

static bool is_terminal(const struct end *end)
{
	return end->fd >= 0 && isatty(end->fd);
}

int copy(struct end *from, struct end *to, uint64_t length, uint64_t *done)
{
	_cleanup_free_ char *buf = xrealloc(NULL, CHUNK, 1);
	struct progress progress;
	int64_t n = 1;
	int r;

	*done = 0;
	progress_start(&progress, length, !is_terminal(from) && !is_terminal(to));
	while (*done < length) {
		n = copy_some(from, to, length - *done, buf);
		if (n <= 0)
			break;
		*done += (uint64_t)n;
		progress_update(&progress, *done);
	}
	progress_end(&progress);
	if (n < 0)
		return (int)n;
	r = finish(to);
	return r < 0 ? failed(to, r) : 0;
}
