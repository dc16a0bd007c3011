// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../cleanup.h"
#include "segctl.h"
#include "segment.h"

const char *kind_text(enum seg_kind kind)
{
	return kind == SEG_POSIX ? "posix" : kind == SEG_SYSV ? "sysv" : "file";
}

long file_system_of(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) < 0 ? 0 : (long)fs.f_type;
}

/* By its id a SysV segment is opened without a permission being asked for. */
int segment_open(const char *ref, const struct seg_stat *st, struct seg **ret)
{
	char by_id[32];

	if (st->kind != SEG_SYSV)
		return seg_open(ref, SEG_PATH, ret);
	snprintf(by_id, sizeof(by_id), "sysv:id:%d", st->shmid);
	return seg_open(by_id, SEG_READ_ONLY, ret);
}

int segment_find(const char *ref, struct seg_stat *st, struct seg **ret)
{
	int r = seg_stat(ref, st);

	return r < 0 ? r : segment_open(ref, st, ret);
}

/* What a stat does not tell: tmpfs knows since Linux 6.0. */
static void set_created(struct segment *segment, const struct seg *seg)
{
	struct statx st;

	if (seg_fd(seg) >= 0 && statx(seg_fd(seg), "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 &&
	    st.stx_mask & STATX_BTIME)
		segment->created = (struct timespec){ .tv_sec = st.stx_btime.tv_sec,
						      .tv_nsec = st.stx_btime.tv_nsec };
}

static int look_at_file(struct segment *segment)
{
	_cleanup_seg_ struct seg *seg = NULL;
	int r;

	r = segment_open(segment->ref, &segment->st, &seg);
	if (r < 0)
		return r == -ENOENT ? r : 0;
	r = seg_fstat(seg, &segment->st);
	if (r < 0)
		return r == -ENOENT ? r : 0;
	set_created(segment, seg);
	r = seg_is_ephemeral(seg);
	segment->ephemeral = r < 0 ? UNKNOWN : r;
	if (r != 0)
		return 0;
	r = seg_in_use(seg);
	segment->in_use = r < 0 ? UNKNOWN : r;
	return 0;
}

int segment_look(const char *ref, const struct seg_stat *st, struct segment *ret)
{
	struct segment segment = {
		.st = *st, .in_use = UNKNOWN, .ephemeral = UNKNOWN, .created.tv_sec = UNKNOWN
	};
	int r = 0;

	segment.ref = xstrdup(ref);
	if (st->kind == SEG_SYSV) {
		segment.in_use = st->nattch > 0;
		segment.ephemeral = 0;
	} else {
		r = look_at_file(&segment);
	}
	if (r < 0) {
		segment_fini(&segment);
		return r;
	}
	*ret = segment;
	return 0;
}

const struct timespec *segment_since(const struct segment *segment)
{
	/* ctime of SysV: creation, or a change of owner or mode. */
	return segment->created.tv_sec == UNKNOWN ? &segment->st.ctime : &segment->created;
}

static void sysv_json(struct json *json, const struct seg_stat *st)
{
	json_number(json, "shmid", st->shmid);
	json_number(json, "key", (int64_t)(uint32_t)st->key);
	json_bool(json, "removed", st->flags & SEG_STAT_REMOVED);
	json_number(json, "nattch", st->nattch);
	json_number(json, "cuid", st->cuid);
	json_number(json, "cgid", st->cgid);
	json_number(json, "cpid", st->cpid);
	json_number(json, "lpid", st->lpid);
}

static void owner_json(struct json *json, struct names *names, const struct seg_stat *st)
{
	json_number(json, "uid", st->uid);
	json_bytes(json, "user", user_name(names, st->uid));
	json_number(json, "gid", st->gid);
	json_bytes(json, "group", group_name(names, st->gid));
	json_octal(json, "mode", st->mode);
}

static void times_json(struct json *json, const struct segment *segment)
{
	if (segment->created.tv_sec == UNKNOWN)
		json_null(json, "created");
	else
		json_time(json, "created", &segment->created);
	json_time(json, "atime", &segment->st.atime);
	json_time(json, "mtime", &segment->st.mtime);
	json_time(json, "ctime", &segment->st.ctime);
}

void segment_json(struct json *json, struct names *names, const struct segment *segment)
{
	const struct seg_stat *st = &segment->st;

	json_open(json, NULL, '{');
	json_bytes(json, "ref", segment->ref);
	json_bytes(json, "kind", kind_text(st->kind));
	json_size(json, "size", st->size);
	json_size(json, "allocated", st->allocated);
	owner_json(json, names, st);
	json_maybe(json, "in_use", segment->in_use);
	json_maybe(json, "ephemeral", segment->ephemeral);
	json_number(json, "nlink", st->nlink);
	json_size(json, "dev", st->dev);
	json_size(json, "ino", st->ino);
	times_json(json, segment);
	if (st->kind == SEG_SYSV)
		sysv_json(json, st);
	json_close(json, '}');
}
