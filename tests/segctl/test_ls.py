#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import time

import support

ODD_NAMES = [
    b"a\nb", b'a"b', b"it's", b"a b", b"\\", b"\xff\xfe", "\u00e9\u4e2d\U0001f600".encode(),
    b"\x7f\x01\x1b[31m", b"\xc2\x85", b"\xed\xa0\x80", b"\xc0\xaf", b"$(x)", b"*?[", b"~",
    b"\xf4\x90\x80\x80", b"e\xcc\x81", b"\xe2\x82",
]  # fmt: skip


class Ls(support.SegctlTest):
    def own(self):
        return self.prefix + "*"

    def ls(self, *args, **options):
        return self.segctl("ls", *args, self.own(), self.sysv(0)[:-2] + "*", **options)

    def objects(self, *args, **options):
        result = self.ls("--json", *args, **options).json()
        self.refs = [one["ref"] for one in result]
        return {one["ref"]: one for one in result}

    # -- the table

    def test_both_kinds_in_one_table(self):
        posix = self.make("frames", 1 << 20, 0o640, data=b"x" * 5000)
        self.make_sysv(1, 65536)
        rows = self.ls().rows()
        self.assertEqual(rows[posix]["KIND"], "posix")
        self.assertEqual(rows[posix]["SIZE"], "1.0M")
        self.assertEqual(rows[posix]["ALLOCATED"], "8.0K")
        self.assertEqual(rows[posix]["OWNER"], "root")
        self.assertEqual(rows[posix]["MODE"], "0640")
        self.assertEqual(rows[posix]["IN_USE"], "no")
        self.assertRegex(rows[posix]["AGE"], r"^\d+s$")
        self.assertEqual(rows[self.sysv(1)]["KIND"], "sysv")
        self.assertEqual(rows[self.sysv(1)]["SIZE"], "64K")
        self.assertEqual(rows[self.sysv(1)]["ALLOCATED"], "0")

    def test_exact_sizes(self):
        ref = self.make("a", 1234567, data=b"x")
        for option in "-b", "--bytes":
            row = self.ls(option).rows()[ref]
            self.assertEqual((row["SIZE"], row["ALLOCATED"]), ("1234567", "4096"))

    def test_the_largest_comes_first(self):
        for name, pages in ("small", 1), ("large", 9), ("middle", 4):
            self.make(name, data=b"x" * pages * 4096)
        self.make("huge-but-empty", 1 << 30)
        rows = list(self.ls().rows())
        self.assertEqual(rows, [self.ref(n) for n in ("large", "middle", "small", "huge-but-empty")])

    def test_others_are_named_or_numbered(self):
        self.make("a", uid=support.NOBODY)
        self.make("b", uid=123456)
        rows = self.ls().rows()
        self.assertEqual(rows[self.ref("a")]["OWNER"], "nobody")
        self.assertEqual(rows[self.ref("b")]["OWNER"], "123456")

    def test_the_sum_tells_whose_the_memory_is(self):
        for name, uid, pages in ("a", 0, 2), ("b", support.NOBODY, 8), ("c", 1, 1):
            self.make(name, data=b"x" * pages * 4096, uid=uid)
        self.make("d", data=b"x", uid=2)
        holder = self.hold("open", self.path("b"))
        total, unused = self.ls().lines[-2:]
        self.assertEqual(
            total, "4 segments, 48K allocated: nobody 32K, root 8.0K, daemon 4.0K, others 4.0K"
        )
        self.assertEqual(unused, "not in use: 3, 16K")
        self.release(holder)
        self.assertEqual(self.ls().lines[-1], "not in use: 4, 48K")

    def test_a_segment_with_two_names_is_counted_once(self):
        self.make("a", data=b"x" * 8192)
        os.link(self.path("a"), self.path("b"))
        self.assertEqual(self.ls().lines[-2], "2 segments, 8.0K allocated")

    def test_memory_of_removed_segments_is_accounted_for(self):
        self.make("a", data=b"x" * (8 << 20))
        with support.mapping(self.path("a")):
            os.unlink(self.path("a"))
            last = self.segctl("ls", "--bytes").lines[-1]
        self.assertRegex(last, r"^/dev/shm: \d+ used of \d+, \d+%; \d+ of it by what is not listed")
        self.assertGreaterEqual(int(last.split("; ")[1].split()[0]), 8 << 20)

    def test_nothing_that_fits_is_nothing_wrong(self):
        self.assertEqual(self.ls().out, "0 segments, 0 allocated\n")
        self.assertEqual(self.ls("--json").out, "[]\n")
        self.assertEqual(self.ls("--names").out, "")

    # -- in use

    def test_tells_each_way_of_being_used(self):
        hows = ["open", "map", "map, closed", "map read-only, closed"]
        for i, how in enumerate(hows):
            self.make(str(i))
            self.hold(how, self.path(str(i)))
        for i, how in enumerate(["attach", "attach read-only"]):
            self.hold(how, self.make_sysv(i))
        self.make("idle")
        self.make_sysv(9)
        objects = self.objects()
        idle = {ref for ref, one in objects.items() if not one["in_use"]}
        self.assertEqual(idle, {self.ref("idle"), self.sysv(9)})
        self.assertEqual(len(objects), 8)

    def test_use_ends_with_its_process(self):
        ref = self.make("a")
        holder = self.hold("map, closed", self.path("a"))
        self.assertEqual(self.ls().rows()[ref]["IN_USE"], "yes")
        self.release(holder)
        self.assertEqual(self.ls().rows()[ref]["IN_USE"], "no")

    def test_says_so_where_it_may_not_ask(self):
        self.make("roots", mode=0o666)
        self.make("own", uid=support.NOBODY)
        rows = self.ls(uid=support.NOBODY).rows()
        self.assertEqual(rows[self.ref("roots")]["IN_USE"], "?")
        self.assertEqual(rows[self.ref("own")]["IN_USE"], "no")
        objects = self.objects(uid=support.NOBODY)
        self.assertIsNone(objects[self.ref("roots")]["in_use"])

    def test_leaves_times_as_they_are(self):
        self.make("a", data=b"x")
        shmid = self.make_sysv(1)
        before = os.stat(self.path("a")), support.sysv_table()[shmid]
        self.ls()
        self.objects()
        self.segctl("stat", self.ref("a"), self.sysv(1))
        after = os.stat(self.path("a")), support.sysv_table()[shmid]
        self.assertEqual(before, after)

    def test_does_not_ask_ephemeral_ones(self):
        ref = self.segctl("create", "--ephemeral", self.ref("a"), "4K").lines[0]
        row = self.ls().rows()[f"{ref} (ephemeral)"]
        self.assertEqual(row["IN_USE"], "?")
        self.assertEqual(self.objects()[ref]["ephemeral"], True)

    def test_looking_does_not_end_an_ephemeral_segment(self):
        self.mount()
        self.pass_events()
        ref = self.segctl("create", "--ephemeral", self.ref("a"), "4K").lines[0]
        self.ls()
        self.objects()
        self.segctl("stat", ref)
        self.segctl("users", ref)
        self.pass_events()
        self.assertThere(ref)

    def test_a_removed_one_that_is_still_attached_is_listed(self):
        shmid = self.make_sysv(1)
        self.attach(shmid)
        self.segctl("rm", self.sysv(1))
        result = self.segctl("ls", f"sysv:id:{shmid}")
        row = result.rows()[f"sysv:id:{shmid} (removed)"]
        self.assertEqual(row["IN_USE"], "yes")
        [one] = self.segctl("ls", "--json", f"sysv:id:{shmid}").json()
        self.assertEqual((one["removed"], one["nattch"], one["nlink"]), (True, 1, 0))

    # -- for programs

    def test_json_has_exact_numbers(self):
        ref = self.make("a", 3 << 40, 0o604, data=b"x", uid=support.NOBODY)
        st = os.stat(self.path("a"))
        one = self.objects()[ref]
        self.assertEqual(one["kind"], "posix")
        self.assertEqual((one["size"], one["allocated"]), (3 << 40, 4096))
        self.assertEqual((one["uid"], one["user"], one["gid"]), (65534, "nobody", 65534))
        self.assertEqual(one["mode"], "0604")
        self.assertEqual((one["dev"], one["ino"], one["nlink"]), (st.st_dev, st.st_ino, 1))
        self.assertEqual(round(one["mtime"], 3), round(st.st_mtime, 3))
        self.assertIs(one["in_use"], False)
        self.assertIs(one["ephemeral"], False)
        self.assertNotIn("ref_hex", one)

    def test_json_of_a_sysv_segment(self):
        shmid = self.make_sysv(1, 12345)
        self.attach(shmid)
        one, row = self.objects()[self.sysv(1)], support.sysv_table()[shmid]
        self.assertEqual((one["shmid"], one["key"]), (shmid, self.key(1)))
        self.assertEqual((one["size"], one["nattch"], one["removed"]), (12345, 1, False))
        self.assertEqual((one["cpid"], one["lpid"]), (int(row["cpid"]), int(row["lpid"])))
        self.assertEqual((one["atime"], one["ctime"]), (int(row["atime"]), int(row["ctime"])))
        self.assertIsNone(one["created"])
        self.assertIs(one["in_use"], True)

    def test_json_keeps_every_byte_of_odd_names(self):
        made = {self.ref("").encode() + name for name in ODD_NAMES}
        for ref in made:
            os.close(os.open(b"/dev/shm" + ref, os.O_CREAT | os.O_EXCL, 0o600))
        listed = set()
        for one in self.ls("--json").json():
            name = one["ref"].encode()
            if "ref_hex" in one:
                self.assertIn("\ufffd", one["ref"])
                name = bytes.fromhex(one["ref_hex"])
            listed.add(name)
        self.assertEqual(listed, made)

    def test_json_is_json_to_others_as_well(self):
        if not shutil.which("jq"):
            self.skipTest("no jq")
        for name in ODD_NAMES:
            os.close(os.open(self.path("").encode() + name, os.O_CREAT | os.O_EXCL, 0o600))
        text = self.ls("--json").raw
        jq = subprocess.run(["jq", "-s", "length, (.[0] | length)"], input=text, capture_output=True)
        self.assertEqual((jq.stdout, jq.stderr), (b"1\n%d\n" % len(ODD_NAMES), b""))

    def test_a_shell_takes_odd_names_as_they_are_shown(self):
        made = [self.ref("").encode() + name for name in ODD_NAMES]
        for ref in made:
            os.close(os.open(b"/dev/shm" + ref, os.O_CREAT | os.O_EXCL, 0o600))
        lines = self.ls("--sort=name").raw.splitlines()[1 : len(made) + 1]
        for locale in "C.UTF-8", "C":
            lines = self.ls("--sort=name", env={"LC_ALL": locale}).raw.splitlines()
            for line, ref in zip(lines[1:], sorted(made)):
                shown = line.split(None, 7)[7]
                self.assertTrue(shown.decode().isprintable())
                self.assertEqual(subprocess.check_output(["bash", "-c", b"printf %s " + shown]), ref)

    def test_names_are_bare_in_a_pipe_and_quoted_on_a_terminal(self):
        self.make("a b")
        self.make_sysv(1)
        for option in "-1", "--names":
            result = self.ls(option, "--sort=name")
            self.assertEqual(result.lines, [self.ref("a b"), self.sysv(1)])
        self.assertEqual(self.on_terminal("ls", "-1", self.own()), f"'{self.ref('a b')}'\n")

    # -- which, and in what order

    def test_kinds_are_told_apart(self):
        posix = self.make("a")
        self.make_sysv(1)
        self.objects("--kind=posix")
        self.assertEqual(self.refs, [posix])
        self.objects("--kind=sysv")
        self.assertEqual(self.refs, [self.sysv(1)])

    def test_a_pattern_may_lack_the_slash(self):
        ref = self.make("abc")
        for pattern in ref, ref[1:], ref[1:-1] + "?", "*" + ref[5:], ref[1:-3] + "[a]*", f"/*{ref[5:]}":
            result = self.segctl("ls", "--names", pattern)
            self.assertEqual(result.lines, [ref], pattern)
        for pattern in ref[:-1], ref + "x", ref[2:], "sysv:" + ref:
            self.assertEqual(self.segctl("ls", "--names", pattern).out, "", pattern)

    def test_several_patterns_list_each_segment_once(self):
        refs = [self.make(name) for name in "abc"]
        result = self.segctl("ls", "--names", "--sort=name", refs[0], self.prefix + "[ab]")
        self.assertEqual(result.lines, refs[:2])

    def test_a_sysv_segment_is_found_by_any_of_its_references(self):
        shmid = self.make_sysv(1)
        private = self.make_sysv(None)
        for pattern in self.sysv(1), f"sysv:{self.key(1)}", f"sysv:id:{shmid}", self.sysv(1)[:-1] + "?":
            self.assertEqual(self.segctl("ls", "--names", pattern).lines, [self.sysv(1)], pattern)
        self.assertEqual(
            self.segctl("ls", "--names", f"sysv:id:{private}").lines, [f"sysv:id:{private}"]
        )

    def test_each_order_and_its_reverse(self):
        made = [("b", 12288, 3, 0), ("c", 1 << 20, 1, 1), ("a", 16384, 2, 2)]
        for name, size, pages, uid in made:
            self.make(name, size, data=b"x" * pages * 4096, uid=uid)
        self.hold("open", self.path("c"))
        orders = {"name": "abc", "size": "cab", "allocated": "bac", "used": "cba", "owner": "bca"}
        for key, names in orders.items():
            self.objects(f"--sort={key}")
            self.assertEqual(self.refs, [self.ref(name) for name in names], key)
            for option in "-r", "--reverse":
                self.objects(f"--sort={key}", option)
                self.assertEqual(self.refs, [self.ref(name) for name in reversed(names)], key)

    def test_the_oldest_comes_first_by_age(self):
        first, second = self.make("b"), None
        while second is None or self.objects()[first]["created"] == self.objects()[second]["created"]:
            if second:
                os.unlink(self.path("a"))  # the kernel's clock has not ticked in between
            second = self.make("a")
        os.utime(self.path("b"))  # later changes do not make it younger
        self.objects("--sort=age")
        self.assertEqual(self.refs, [first, second])

    # -- the rest

    def test_twenty_thousand_names_quickly(self):
        for i in range(20000):
            os.close(os.open(self.path(f"{i:05}"), os.O_CREAT | os.O_EXCL, 0o600))
        start = time.monotonic()
        self.assertEqual(self.ls().lines[-2], "20000 segments, 0 allocated")
        table = time.monotonic() - start
        self.objects("--sort=name")
        self.assertEqual(self.refs, [self.ref(f"{i:05}") for i in range(20000)])
        start = time.monotonic()
        self.assertEqual(len(self.ls("--names").lines), 20000)
        names = time.monotonic() - start
        print(f"table {table:.2f} s, names {names:.2f} s ", end="")
        self.assertLess(table, 20)

    def test_segments_that_come_and_go_meanwhile_do_no_harm(self):
        script = "while :; do for i in 1 2 3 4 5 6 7 8; do : >$0$i; rm -f $0$i; done; done"
        churn = subprocess.Popen(["sh", "-c", script, self.path("churn")])
        try:
            for _ in range(50):
                self.assertEqual(self.ls("--json").err, "")
        finally:
            churn.kill()
            churn.wait()

    def test_what_is_no_segment_is_not_listed(self):
        self.make("a")
        os.mkdir(self.path("directory"))
        self.addCleanup(os.rmdir, self.path("directory"))
        os.symlink(self.path("a"), self.path("link"))
        os.mkfifo(self.path("fifo"))
        self.objects()
        self.assertEqual(self.refs, [self.ref("a")])

    def test_colours_only_on_a_terminal_that_wants_them(self):
        self.make("a")
        self.assertIn("\033[33m", self.on_terminal("ls", self.own()))
        self.assertNotIn("\033", self.on_terminal("ls", self.own(), NO_COLOR="1"))
        self.assertIn("\033[33m", self.on_terminal("ls", self.own(), NO_COLOR=""))
        self.assertNotIn("\033", self.on_terminal("ls", self.own(), TERM="dumb"))
        self.assertNotIn("\033", self.ls().out)

    def test_every_column_lines_up(self):
        for i, mode in enumerate((0o600, 0o4777)):
            self.make(str(i), 1 << 10 * i, mode, uid=i * 77777)
        lines = self.ls().lines[:3]
        for words in ("MODE", "0600", "4777"), ("NAME", "/segfs", "/segfs"), ("IN USE", "no", "no"):
            places = {line.index(word) for line, word in zip(lines, words)}
            self.assertEqual(len(places), 1, lines)


if __name__ == "__main__":
    support.main()
