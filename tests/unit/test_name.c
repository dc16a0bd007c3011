// SPDX-License-Identifier: MIT
/* References: what is a name of what, and what is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "fixture.h"

static void assert_posix(const char *ref, const char *path)
{
	struct seg_name name;

	assert_ok(seg_name_parse(ref, &name));
	assert_int_equal(name.kind, SEG_POSIX);
	assert_string_equal(name.path, path);
}

static void a_posix_name_is_written_with_or_without_the_slash(void **state)
{
	(void)state;
	assert_posix("/frames", "frames");
	assert_posix("frames", "frames");
	assert_posix("/f", "f");
	assert_posix("f", "f");
}

static void any_byte_but_the_slash_is_legal_in_a_posix_name(void **state)
{
	static const char *const names[] = {
		"a\nb",    "\n",  " ", "\xff\xfe", "\xc3", "...",
		".hidden", "-rf", "*", "a:b",      "\x01", "SYSV:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_posix(names[i], names[i]);
	for (int byte = 1; byte < 256; byte++) {
		const char name[] = { '/', 'x', (char)byte, '\0' };

		if (byte != '/')
			assert_posix(name, name + 1);
	}
}

static void a_posix_name_that_looks_like_sysv_is_written_with_the_slash(void **state)
{
	(void)state;
	assert_posix("/sysv:0x400", "sysv:0x400");
	assert_posix("/sysv:", "sysv:");
	assert_posix("sysv", "sysv");
}

static void a_name_has_at_most_255_bytes(void **state)
{
	struct seg_name name = { .path = "untouched" };
	char ref[1 + NAME_MAX + 2] = "/";

	(void)state;
	memset(ref + 1, 'n', NAME_MAX);
	assert_posix(ref, ref + 1);
	assert_posix(ref + 1, ref + 1);
	ref[1 + NAME_MAX] = 'n';
	assert_int_equal(seg_name_parse(ref, &name), -ENAMETOOLONG);
	assert_int_equal(seg_name_parse(ref + 1, &name), -ENAMETOOLONG);
	assert_string_equal(name.path, "untouched");
}

static void a_slash_after_the_first_byte_makes_it_a_path(void **state)
{
	static const char *const paths[] = { "/run/seg/x", "./x", "../x", "a/b",
					     "//x",        "a/",  "/a/",  "/./" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct seg_name name;

		assert_ok(seg_name_parse(paths[i], &name));
		assert_int_equal(name.kind, SEG_FILE);
		assert_ptr_equal(name.path, paths[i]);
	}
}

static void a_path_is_shorter_than_path_max(void **state)
{
	char path[PATH_MAX + 1] = "";
	struct seg_name name;

	(void)state;
	memset(path, 'p', PATH_MAX);
	path[1] = '/';
	assert_int_equal(seg_name_parse(path, &name), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_ok(seg_name_parse(path, &name));
}

static void a_sysv_key_is_hexadecimal_or_decimal(void **state)
{
	static const struct {
		const char *ref;
		uint32_t key;
	} keys[] = {
		{ "sysv:0", 0 },
		{ "sysv:1", 1 },
		{ "sysv:0x400", 0x400 },
		{ "sysv:0X400", 0x400 },
		{ "sysv:1024", 0x400 },
		{ "sysv:0x00000400", 0x400 },
		{ "sysv:010", 10 },
		{ "sysv:0xDeadBeef", 0xdeadbeef },
		{ "sysv:2147483648", 0x80000000 },
		{ "sysv:4294967295", UINT32_MAX },
		{ "sysv:0xffffffff", UINT32_MAX },
		{ "sysv:0x000000000000000000000001", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct seg_name name;

		assert_ok(seg_name_parse(keys[i].ref, &name));
		assert_int_equal(name.kind, SEG_SYSV);
		assert_false(name.by_id);
		assert_int_equal((uint32_t)name.key, keys[i].key);
	}
}

static void a_shmid_is_a_decimal_int(void **state)
{
	struct seg_name name;

	(void)state;
	assert_ok(seg_name_parse("sysv:id:0", &name));
	assert_true(name.by_id);
	assert_int_equal(name.shmid, 0);
	assert_ok(seg_name_parse("sysv:id:65538", &name));
	assert_int_equal(name.shmid, 65538);
	assert_ok(seg_name_parse("sysv:id:2147483647", &name));
	assert_int_equal(name.shmid, INT_MAX);
}

static const char *const malformed[] = {
	NULL,
	"",
	"/",
	".",
	"..",
	"/.",
	"/..",
	"sysv:",
	"sysv:x",
	"sysv:0x",
	"sysv:0xg",
	"sysv:0x0x1",
	"sysv:-1",
	"sysv:+1",
	"sysv: 1",
	"sysv:1 ",
	"sysv:1\n",
	"sysv:1a",
	"sysv:1/2",
	"sysv:4294967296",
	"sysv:0x100000000",
	"sysv:99999999999999999999999",
	"sysv:key:1",
	"sysv:id",
	"sysv:id:",
	"sysv:id:-1",
	"sysv:id:0x1",
	"sysv:id: 1",
	"sysv:id:1x",
	"sysv:id:2147483648",
	"sysv:id:18446744073709551616",
};

static void a_malformed_reference_leaves_the_output_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct seg_name name = { .path = "untouched" };

		if (seg_name_parse(malformed[i], &name) != -EINVAL)
			fail_msg("\"%s\" is taken for a reference", malformed[i]);
		assert_string_equal(name.path, "untouched");
	}
}

static void every_function_refuses_a_malformed_reference(void **state)
{
	struct seg *const untouched = (struct seg *)malformed, *seg = untouched;
	struct seg_stat stat;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		const char *ref = malformed[i];

		assert_int_equal(seg_create(ref, 1, 0600, 0, &seg), -EINVAL);
		assert_int_equal(seg_open(ref, 0, &seg), -EINVAL);
		assert_int_equal(seg_stat(ref, &stat), -EINVAL);
		assert_int_equal(seg_destroy(ref, 0), -EINVAL);
		assert_int_equal(seg_renameat(NULL, ref, "/x", 0), -EINVAL);
		assert_int_equal(seg_renameat(NULL, "/x", ref, 0), -EINVAL);
		assert_ptr_equal(seg, untouched);
	}
}

static void canonical_references_mean_what_they_were_made_of(void **state)
{
	static const uint32_t keys[] = { 1, 0x400, 0x7fffffff, 0x80000000, UINT32_MAX };
	char ref[SEG_REF_SIZE], long_name[NAME_MAX + 1] = "";
	struct seg_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		seg_name_format_sysv((int32_t)keys[i], 7, ref);
		assert_ok(seg_name_parse(ref, &name));
		assert_int_equal((uint32_t)name.key, keys[i]);
	}
	seg_name_format_sysv(0, INT_MAX, ref);
	assert_string_equal(ref, "sysv:id:2147483647");
	seg_name_format_sysv(0x400, 7, ref);
	assert_string_equal(ref, "sysv:0x00000400");
	memset(long_name, 'n', NAME_MAX);
	seg_name_format_posix(long_name, ref);
	assert_posix(ref, long_name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_posix_name_is_written_with_or_without_the_slash),
		cmocka_unit_test(any_byte_but_the_slash_is_legal_in_a_posix_name),
		cmocka_unit_test(a_posix_name_that_looks_like_sysv_is_written_with_the_slash),
		cmocka_unit_test(a_name_has_at_most_255_bytes),
		cmocka_unit_test(a_slash_after_the_first_byte_makes_it_a_path),
		cmocka_unit_test(a_path_is_shorter_than_path_max),
		cmocka_unit_test(a_sysv_key_is_hexadecimal_or_decimal),
		cmocka_unit_test(a_shmid_is_a_decimal_int),
		cmocka_unit_test(a_malformed_reference_leaves_the_output_alone),
		cmocka_unit_test(every_function_refuses_a_malformed_reference),
		cmocka_unit_test(canonical_references_mean_what_they_were_made_of),
	};

	return RUN_TESTS(tests);
}
