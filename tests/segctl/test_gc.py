#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import time

import support


class Gc(support.SegctlTest):
    def own(self):
        return self.prefix + "*"

    def gc(self, *args, **options):
        """Of this test's own segments only, whatever else is on the machine."""
        return self.segctl("gc", *args, self.own(), self.sysv(0)[:-2] + "*", **options)

    def test_wants_to_be_told_which(self):
        ref = self.make("a")
        for args in [], ["-n"], ["-v"], ["-q", "--dry-run"]:
            self.assertIn("Give a filter, or --all", self.segctl("gc", *args, status=2).err)
        self.assertThere(ref)

    def test_everything_can_be_asked_for(self):
        refs = [self.make("a"), self.sysv(1)]
        self.make_sysv(1)
        result = self.segctl("gc", "--all", "--dry-run")
        for ref in refs:
            self.assertIn(f"would remove {ref}, 0", result.lines)
        self.assertThere(*refs)

    def test_what_went_and_how_much_that_freed(self):
        self.make("a", data=b"x" * 3 * 4096)
        self.make("b c", 1 << 30)
        self.make_sysv(1)
        result = self.gc()
        self.assertEqual(sorted(result.lines[:-1]), sorted([
            f"removed {self.ref('a')}, 12K", f"removed '{self.ref('b c')}', 0",
            f"removed {self.sysv(1)}, 0"]))
        self.assertEqual(result.lines[-1], "3 segments, 12K freed")
        self.assertGone(self.ref("a"), self.ref("b c"), self.sysv(1))
        self.assertEqual(self.gc().out, "0 segments, 0 freed\n")

    def test_memory_is_really_freed(self):
        def used():
            st = os.statvfs("/dev/shm")
            return (st.f_blocks - st.f_bfree) * st.f_frsize

        self.make("a", data=b"x" * (64 << 20))
        before = used()
        self.assertEqual(self.gc().lines[-1], "1 segment, 64M freed")
        self.assertLess(used(), before - (32 << 20))

    def test_never_what_somebody_uses(self):
        hows = ["open", "map", "map, closed", "map read-only, closed"]
        busy = [self.make(str(i)) for i in range(len(hows))]
        holders = [self.hold(how, self.path(str(i))) for i, how in enumerate(hows)]
        for i, how in enumerate(["attach", "attach read-only"]):
            holders.append(self.hold(how, self.make_sysv(i)))
            busy.append(self.sysv(i))
        for args in ["-n"], [], ["--unused-for=0"]:
            self.assertRegex(self.gc(*args).out, "^0 segments, 0 (would be )?freed\n$")
        self.assertThere(*busy)
        for holder in holders:
            self.release(holder)
        self.assertEqual(self.gc().lines[-1], f"{len(busy)} segments, 0 freed")
        self.assertGone(*busy)

    def test_not_what_is_used_through_a_mount(self):
        self.make("a")
        self.make_sysv(1)
        directory = self.mount()
        holders = [self.hold("map, closed", f"{directory}/posix{self.ref('a')}"),
                   self.hold("map, closed", f"{directory}/sysv/0x{self.key(1):08x}")]
        self.assertEqual(self.gc().lines[-1], "0 segments, 0 freed")
        for holder in holders:
            self.release(holder)
        self.assertEqual(self.gc().lines[-1], "2 segments, 0 freed")

    def test_a_dry_run_changes_nothing(self):
        ref = self.make("a", data=b"x")
        shmid = self.make_sysv(1)
        before = os.stat(self.path("a")), support.sysv_table()[shmid]
        for option in "-n", "--dry-run":
            result = self.gc(option)
            self.assertIn(f"would remove {ref}, 4.0K", result.lines)
            self.assertEqual(result.lines[-1], "2 segments, 4.0K would be freed")
        self.assertEqual((os.stat(self.path("a")), support.sysv_table()[shmid]), before)

    def test_by_kind(self):
        ref = self.make("a")
        self.make_sysv(1)
        self.gc("--kind=sysv")
        self.assertGone(self.sysv(1))
        self.assertThere(ref)
        self.make_sysv(1)
        self.gc("--kind=posix")
        self.assertGone(ref)
        self.assertThere(self.sysv(1))

    def test_by_owner(self):
        for name, uid in ("a", 0), ("b", support.NOBODY), ("c", 123456):
            self.make(name, uid=uid)
        self.gc("--owner=nobody")
        self.assertGone(self.ref("b"))
        self.gc("--owner=123456")
        self.assertGone(self.ref("c"))
        self.assertThere(self.ref("a"))
        self.gc("--owner=root")
        self.assertGone(self.ref("a"))

    def test_by_name(self):
        refs = [self.make(name) for name in ("aa", "ab", "b")]
        shmid, other = self.make_sysv(1), self.make_sysv(2)
        self.segctl("gc", self.prefix[1:] + "a?", f"sysv:id:{shmid}")
        self.assertGone(*refs[:2], self.sysv(1))
        self.assertThere(refs[2], self.sysv(2))
        self.segctl("gc", f"sysv:{self.key(2)}")
        self.assertNotIn(other, support.sysv_table())

    def test_overlapping_patterns_count_once(self):
        ref = self.make("a", data=b"x")
        for args in ["-n"], []:
            result = self.segctl("gc", *args, ref, self.own(), ref[:-1] + "?")
            self.assertEqual(len(result.lines), 2)
            self.assertTrue(result.lines[1].startswith("1 segment, 4.0K "))

    def test_by_time_since_the_last_use(self):
        ref = self.make("a")
        self.make_sysv(1)
        for time_ in "1h", "5m", "100w", "100000":
            self.assertEqual(self.gc(f"--unused-for={time_}").lines[-1], "0 segments, 0 freed")
        deadline = time.monotonic() + 60
        while self.gc("-n", "--unused-for=1s").lines[-1] != "2 segments, 0 would be freed":
            self.assertLess(time.monotonic(), deadline)
        self.gc("--unused-for=1s")
        self.assertGone(ref, self.sysv(1))

    def test_ephemeral_ones_only(self):
        ref = self.segctl("create", "--ephemeral", self.ref("a"), "4K").lines[0]
        other = self.make("b")
        self.make_sysv(1)
        holder = self.hold("map, closed", self.path("a"))
        self.gc("--ephemeral")
        self.assertThere(ref)
        self.release(holder)
        self.gc("--ephemeral")
        self.assertGone(ref)
        self.assertThere(other, self.sysv(1))

    def test_every_filter_must_fit(self):
        refs = [self.make("a", uid=1), self.make("b"), self.make("c", uid=1)]
        self.segctl("gc", "--all", "--kind=posix", "--owner=1", self.prefix + "[ab]")
        self.assertGone(refs[0])
        self.assertThere(*refs[1:])

    def test_others_segments_are_a_failure_and_no_end(self):
        refs = [self.make("a", mode=0o666), self.make("c", uid=support.NOBODY)]
        result = self.gc(uid=support.NOBODY, status=1)
        self.assertEqual(result.err, f"segctl gc: {refs[0]}: Operation not permitted\n")
        self.assertEqual(result.lines[-1], "1 segment, 0 freed")
        self.assertThere(refs[0])
        self.assertGone(refs[1])
        self.assertEqual(self.gc("--owner=nobody", uid=support.NOBODY).err, "")

    def test_a_name_among_several_frees_nothing(self):
        self.make("a", data=b"x" * 8192)
        os.link(self.path("a"), self.path("b"))
        self.assertEqual(self.gc("-n").lines[-1], "2 segments, 8.0K would be freed")
        self.assertEqual(self.gc().lines[-1], "2 segments, 8.0K freed")

    def test_says_more_or_less(self):
        for option in "-q", "--quiet":
            self.make("a")
            self.assertEqual(self.gc(option).out, "")
            self.assertGone(self.ref("a"))
        for option in "-v", "--verbose":
            ref = self.make("a", uid=support.NOBODY)
            result = self.gc(option)
            line = rf"^removed {ref}, 0 \(posix, nobody, last used \d+s ago\)$"
            self.assertRegex(result.lines[0], line)

    def test_ten_thousand_segments(self):
        for i in range(10000):
            os.close(os.open(self.path(f"{i:05}"), os.O_CREAT | os.O_EXCL, 0o600))
        self.hold("open", self.path("00042"))
        start = time.monotonic()
        self.assertEqual(self.gc("-q").out, "")
        print(f"{time.monotonic() - start:.2f} s ", end="")
        left = [name for name in os.listdir("/dev/shm") if name.startswith(self.prefix[1:])]
        self.assertEqual(left, [self.ref("00042")[1:]])


if __name__ == "__main__":
    support.main()
