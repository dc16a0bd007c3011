// SPDX-License-Identifier: MIT
/* Any bytes as a reference: what is taken is what the header says, and its canonical
 * form means the same. */
#include <errno.h>
#include <string.h>

#include "backend.h"
#include "fuzz.h"

static void check_posix(const struct seg_name *name)
{
	char ref[SEG_REF_SIZE];
	struct seg_name again;

	check(strlen(name->path) >= 1 && strlen(name->path) <= NAME_MAX);
	check(!strchr(name->path, '/'));
	check(strcmp(name->path, ".") != 0 && strcmp(name->path, "..") != 0);
	seg_name_format_posix(name->path, ref);
	check(seg_name_parse(ref, &again) == 0);
	check(again.kind == SEG_POSIX && strcmp(again.path, name->path) == 0);
}

static void check_sysv(const char *text, const struct seg_name *name)
{
	char ref[SEG_REF_SIZE];
	struct seg_name again;

	check(strncmp(text, "sysv:", 5) == 0);
	if (!name->by_id && name->key == 0)
		return; /* IPC_PRIVATE: to create, and no name of anything */
	check(!name->by_id || name->shmid >= 0);
	seg_name_format_sysv(name->by_id ? 0 : name->key, name->shmid, ref);
	check(seg_name_parse(ref, &again) == 0);
	check(again.kind == SEG_SYSV && again.by_id == name->by_id);
	check(again.by_id ? again.shmid == name->shmid : again.key == name->key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct seg_name name;
	int r;

	check(text);
	r = seg_name_parse(text, &name);
	check(r == 0 || r == -EINVAL || r == -ENAMETOOLONG);
	if (r == 0 && name.kind == SEG_POSIX)
		check_posix(&name);
	else if (r == 0 && name.kind == SEG_SYSV)
		check_sysv(text, &name);
	else if (r == 0)
		check(name.kind == SEG_FILE && name.path == text && strchr(text + 1, '/') &&
		      strlen(text) < PATH_MAX);
	free(text);
	return 0;
}
