#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import subprocess

import support


class Create(support.SegctlTest):
    def mode_of(self, name):
        return os.stat(self.path(name)).st_mode & 0o7777

    def test_prints_the_canonical_reference(self):
        ref = self.ref("a")
        self.assertEqual(self.segctl("create", ref, "4K").out, f"{ref}\n")
        self.assertEqual(self.segctl("create", ref[1:], "4K").out, f"{ref}\n")
        result = self.segctl("create", f"sysv:{self.key(1)}", "4K")
        self.assertEqual(result.out, f"{self.sysv(1)}\n")

    def test_prints_the_bytes_of_an_odd_name(self):
        name = self.prefix.encode() + b"a\n\xff"
        self.assertEqual(self.segctl("create", name, "1").raw, name + b"\n")
        self.assertIn(r"'$'\n\377'", self.on_terminal("create", name, "1"))

    def test_makes_it_of_the_size_and_for_the_owner_only(self):
        self.segctl("create", self.ref("a"), "1.5K")
        st = os.stat(self.path("a"))
        self.assertEqual((st.st_size, st.st_blocks, st.st_mode & 0o777), (1536, 0, 0o600))

    def test_belongs_to_the_caller(self):
        self.segctl("create", self.ref("a"), "4K", uid=support.NOBODY)
        self.assertEqual(os.stat(self.path("a")).st_uid, support.NOBODY)

    def test_a_mode_is_meant_whatever_the_umask(self):
        old = os.umask(0o077)
        self.addCleanup(os.umask, old)
        self.segctl("create", "--mode=0666", self.ref("a"), "4K")
        self.segctl("create", "-m", "640", self.ref("b"), "4K")
        self.segctl("create", "-m", "0664", self.sysv(1), "4K")
        self.assertEqual((self.mode_of("a"), self.mode_of("b")), (0o666, 0o640))
        [row] = [r for r in support.sysv_table().values() if int(r["key"]) == self.key(1)]
        self.assertEqual(row["perms"], "664")

    def test_takes_all_the_memory_at_once_where_asked(self):
        self.segctl("create", "--preallocate", self.ref("a"), "1M")
        self.segctl("create", "--preallocate", self.sysv(1), "1M")
        self.assertEqual(os.stat(self.path("a")).st_blocks * 512, 1 << 20)
        [row] = [r for r in support.sysv_table().values() if int(r["key"]) == self.key(1)]
        self.assertEqual(int(row["rss"]), 1 << 20)

    def test_fails_and_leaves_nothing_where_memory_is_short(self):
        # Never of the machine's own: to fill that is to have its processes killed.
        script = 'mount -t tmpfs -o size=1M segfs-test /dev/shm && "$@"; echo $?; ls /dev/shm'
        args = self.command(["create", "--preallocate", self.ref("a"), "1028K"])
        process = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *args], capture_output=True, check=False
        )
        self.assertEqual(process.stdout, b"1\n")
        self.assertIn(b"No space left on device", process.stderr)

    def test_a_key_0_makes_one_that_has_only_an_id(self):
        result = self.segctl("create", "sysv:0", "64K")
        self.assertRegex(result.out, r"^sysv:id:\d+\n$")
        self.ids.append(int(result.out[8:]))
        row = support.sysv_table()[self.ids[0]]
        self.assertEqual((int(row["key"]), int(row["size"])), (0, 65536))

    def test_an_existing_one_is_left_as_it_is(self):
        ref = self.make("a", 8192, 0o640, data=b"contents")
        self.segctl("create", "--mode=0600", ref, "4K")
        with open(self.path("a"), "rb") as segment:
            self.assertEqual(segment.read(8), b"contents")
        self.assertEqual((os.stat(self.path("a")).st_size, self.mode_of("a")), (8192, 0o640))

    def test_an_existing_one_is_an_error_where_asked(self):
        self.make("a")
        self.make_sysv(1)
        for option in "-x", "--exclusive":
            for ref in self.ref("a"), self.sysv(1):
                result = self.segctl("create", option, ref, "4K", status=1)
                self.assertEqual(result.err, f"segctl create: {ref}: File exists\n")
                self.assertEqual(result.out, "")

    def test_an_existing_smaller_one_is_an_error(self):
        self.make("a", 4096)
        self.make_sysv(1, 4096)
        for ref in self.ref("a"), self.sysv(1):
            result = self.segctl("create", ref, "8K", status=1)
            self.assertIn("Invalid argument (there is a smaller one already)", result.err)

    def test_of_no_bytes_only_where_it_can_grow(self):
        self.segctl("create", self.ref("a"), "0")
        self.assertThere(self.ref("a"))
        result = self.segctl("create", self.sysv(1), "0", status=1)
        self.assertIn("at least one byte", result.err)

    def test_beyond_what_the_system_takes(self):
        self.segctl("create", self.ref("a"), "7E")
        self.assertEqual(os.stat(self.path("a")).st_size, 7 << 60)
        self.assertIn("File too large", self.segctl("create", self.ref("b"), "9E", status=1).err)
        self.assertIn(self.sysv(1), self.segctl("create", self.sysv(1), "7E", status=1).err)
        self.assertGone(self.ref("b"), self.sysv(1))

    def test_an_ephemeral_one_waits_for_its_first_user(self):
        self.mount()
        self.pass_events()
        ref = self.segctl("create", "--ephemeral", self.ref("a"), "4K").lines[0]
        self.pass_events()
        self.assertThere(ref)
        holder = self.hold("map, closed", self.path("a"))
        self.pass_events()
        self.assertThere(ref)
        self.release(holder)
        self.pass_events()
        self.assertGone(ref)

    def test_only_posix_segments_can_be_ephemeral(self):
        result = self.segctl("create", "--ephemeral", self.sysv(1), "4K", status=1)
        self.assertIn("Operation not supported (only POSIX", result.err)
        self.assertGone(self.sysv(1))

    def test_what_is_not_permitted(self):
        self.make("a")
        self.make_sysv(1)
        for ref in self.ref("a"), self.sysv(1):
            result = self.segctl("create", ref, "4K", uid=support.NOBODY, status=1)
            self.assertEqual(result.err, f"segctl create: {ref}: Permission denied\n")

    def test_a_path_on_a_mount_is_a_segment(self):
        path = f"{self.mount()}/posix{self.ref('a')}"
        self.assertEqual(self.segctl("create", path, "64K").out, f"{path}\n")
        self.assertEqual(os.stat(self.path("a")).st_size, 65536)


if __name__ == "__main__":
    support.main()
