#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os

import support


class Resize(support.SegctlTest):
    def size(self, name="a"):
        return os.stat(self.path(name)).st_size

    def test_larger_and_smaller(self):
        ref = self.make("a", 4096)
        result = self.segctl("resize", ref, "1M")
        self.assertEqual((self.size(), result.out, result.err), (1 << 20, "", ""))
        self.segctl("resize", ref, "100")
        self.assertEqual(self.size(), 100)
        self.segctl("resize", ref, "0")
        self.assertEqual(self.size(), 0)

    def test_never_cuts_what_somebody_maps_unless_forced(self):
        ref = self.make("a", 65536)
        for how in "map", "map, closed", "map read-only, closed":
            holder = self.hold(how, self.path("a"))
            result = self.segctl("resize", ref, "4K", status=1)
            self.assertIn("Device or resource busy (somebody maps it", result.err)
            self.assertEqual(self.size(), 65536)
            self.segctl("resize", ref, "64K")
            self.release(holder)
        self.hold("map", self.path("a"))
        for option, size in ("--force", 4096), ("-f", 1):
            self.segctl("resize", option, ref, str(size))
            self.assertEqual(self.size(), size)

    def test_grows_under_a_mapping(self):
        ref = self.make("a", 4096)
        self.hold("map", self.path("a"))
        self.segctl("resize", ref, "8K")
        self.assertEqual(self.size(), 8192)

    def test_sysv_keeps_its_size(self):
        self.make_sysv(1)
        for args in [self.sysv(1), "8K"], ["--force", self.sysv(1), "1"]:
            result = self.segctl("resize", *args, status=1)
            self.assertIn("Operation not supported (the size of a System V", result.err)

    def test_what_can_not_be(self):
        ref = self.make("a")
        self.assertIn("No such file", self.segctl("resize", self.ref("b"), "1", status=1).err)
        self.assertIn("Permission", self.segctl("resize", ref, "1", uid=support.NOBODY, status=1).err)
        self.assertIn("File too large", self.segctl("resize", ref, "15E", status=1).err)
        self.assertEqual(self.size(), 4096)

    def test_a_path_on_a_mount(self):
        self.make("a")
        path = f"{self.mount()}/posix{self.ref('a')}"
        self.segctl("resize", path, "1M")
        self.assertEqual(self.size(), 1 << 20)
        self.hold("map", path)
        self.segctl("resize", path, "4K", status=1)
        self.assertEqual(self.size(), 1 << 20)


class Rm(support.SegctlTest):
    def test_many_at_once_of_both_kinds(self):
        refs = [self.make(name) for name in "abc"]
        shmids = [self.make_sysv(1), self.make_sysv(None)]
        result = self.segctl("rm", *refs, self.sysv(1), f"sysv:id:{shmids[1]}")
        self.assertEqual((result.out, result.err), ("", ""))
        self.assertGone(*refs, self.sysv(1))
        self.assertNotIn(shmids[1], support.sysv_table())

    def test_its_users_keep_it(self):
        ref = self.make("a", data=b"contents")
        shmid = self.make_sysv(1)
        self.attach(shmid)
        with support.mapping(self.path("a")) as memory:
            self.segctl("rm", ref, self.sysv(1))
            self.assertGone(ref, self.sysv(1))
            self.assertEqual(memory[:8], b"contents")
        self.assertIn(shmid, support.sysv_table())

    def test_only_what_nobody_uses_where_asked(self):
        hows = ["open", "map", "map, closed", "map read-only, closed"]
        busy = [self.make(str(i)) for i in range(len(hows))]
        holders = [self.hold(how, self.path(str(i))) for i, how in enumerate(hows)]
        for i, how in enumerate(["attach", "attach read-only"]):
            holders.append(self.hold(how, self.make_sysv(i)))
            busy.append(self.sysv(i))
        idle = [self.make("idle"), self.sysv(9)]
        self.make_sysv(9)
        result = self.segctl("rm", "--if-unused", *busy, *idle, status=1)
        reasons = [f"segctl rm: {ref}: Device or resource busy" for ref in busy]
        self.assertEqual(result.err.splitlines(), reasons)
        self.assertThere(*busy)
        self.assertGone(*idle)
        for holder in holders:
            self.release(holder)
        self.segctl("rm", "--if-unused", *busy)
        self.assertGone(*busy)

    def test_goes_on_after_an_error(self):
        refs = [self.make("a"), self.make("b")]
        missing = self.ref("missing")
        result = self.segctl("rm", refs[0], missing, refs[1], status=1)
        self.assertEqual(result.err, f"segctl rm: {missing}: No such file or directory\n")
        self.assertGone(*refs)

    def test_missing_ones_are_no_failure_where_forced(self):
        ref = self.make("a")
        for option in "-f", "--force":
            result = self.segctl("rm", option, self.ref("missing"), self.sysv(1), "sysv:id:2147483647")
            self.assertEqual((result.out, result.err), ("", ""))
            self.segctl("rm", option)
        self.segctl("rm", "-fv", self.ref("missing"), ref)
        self.assertGone(ref)
        self.assertIn("Invalid", self.segctl("rm", "-f", "sysv:x", status=1).err)

    def test_force_does_not_overrule_if_unused(self):
        ref = self.make("a")
        self.hold("open", self.path("a"))
        self.segctl("rm", "-f", "--if-unused", ref, status=1)
        self.assertThere(ref)

    def test_tells_what_it_removed_where_asked(self):
        for option in "-v", "--verbose":
            args = [self.make("a"), self.make("b c")]
            result = self.segctl("rm", option, args[0], self.ref("x"), args[1], status=1)
            self.assertEqual(result.lines, [f"removed {args[0]}", f"removed '{args[1]}'"])

    def test_others_segments_are_theirs(self):
        self.make("a", mode=0o666)
        self.make_sysv(1, mode=0o666)
        for ref in self.ref("a"), self.sysv(1):
            for args in [ref], ["--if-unused", ref], ["-f", ref]:
                result = self.segctl("rm", *args, uid=support.NOBODY, status=1)
                self.assertEqual(result.err, f"segctl rm: {ref}: Operation not permitted\n")
            self.assertThere(ref)

    def test_what_is_no_segment_stays(self):
        os.mkdir(self.path("directory"))
        self.addCleanup(os.rmdir, self.path("directory"))
        self.segctl("rm", "-f", self.ref("directory"))
        self.segctl("rm", self.ref("directory"), status=1)
        self.segctl("rm", self.path("directory"), status=1)
        self.assertThere(self.ref("directory"))

    def test_a_path_on_a_mount(self):
        ref = self.make("a")
        path = f"{self.mount()}/posix{ref}"
        holder = self.hold("map, closed", self.path("a"))
        self.assertIn("busy", self.segctl("rm", "--if-unused", path, status=1).err)
        self.assertThere(ref)
        self.release(holder)
        self.segctl("rm", "--if-unused", path)
        self.assertGone(ref)


if __name__ == "__main__":
    support.main()
