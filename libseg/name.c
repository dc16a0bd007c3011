// SPDX-License-Identifier: MIT
/* References: the one place where a name from outside is checked. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backend.h"

/* Digits only: strtoull() alone would take blanks, signs and overflow. */
static int parse_number(const char *s, uint64_t max, bool hex_allowed, uint64_t *ret)
{
	bool hex = hex_allowed && s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *digits = hex ? s + 2 : s;
	const char *legal = hex ? "0123456789abcdefABCDEF" : "0123456789";
	uint64_t v;

	if (!*digits || strspn(digits, legal) != strlen(digits))
		return -EINVAL;
	errno = 0;
	v = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno || v > max)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int parse_sysv(const char *s, struct seg_name *ret)
{
	uint64_t v;
	int r;

	ret->kind = SEG_SYSV;
	ret->by_id = strncmp(s, "id:", 3) == 0;
	if (ret->by_id) {
		r = parse_number(s + 3, INT_MAX, false, &v);
		if (r < 0)
			return r;
		ret->shmid = (int)v;
		return 0;
	}
	r = parse_number(s, UINT32_MAX, true, &v);
	if (r < 0)
		return r;
	ret->key = (int32_t)(uint32_t)v;
	return 0;
}

static int parse_posix(const char *s, struct seg_name *ret)
{
	size_t length = strlen(s);

	if (length == 0 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return -EINVAL;
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	ret->kind = SEG_POSIX;
	ret->path = s;
	return 0;
}

int seg_name_parse(const char *ref, struct seg_name *ret)
{
	struct seg_name name = { .shmid = -1 };
	int r;

	if (!ref || !*ref)
		return -EINVAL;
	if (strncmp(ref, "sysv:", 5) == 0) {
		r = parse_sysv(ref + 5, &name);
	} else if (strchr(ref + 1, '/')) {
		name.kind = SEG_FILE;
		name.path = ref;
		r = strlen(ref) < PATH_MAX ? 0 : -ENAMETOOLONG;
	} else {
		r = parse_posix(ref + (*ref == '/'), &name);
	}
	if (r < 0)
		return r;
	*ret = name;
	return 0;
}

void seg_name_format_posix(const char *name, char ref[static SEG_REF_SIZE])
{
	snprintf(ref, SEG_REF_SIZE, "/%s", name);
}

void seg_name_format_sysv(int32_t key, int shmid, char ref[static SEG_REF_SIZE])
{
	if (key != 0) /* IPC_PRIVATE has no key to be found by */
		snprintf(ref, SEG_REF_SIZE, "sysv:0x%08" PRIx32, (uint32_t)key);
	else
		snprintf(ref, SEG_REF_SIZE, "sysv:id:%d", shmid);
}
