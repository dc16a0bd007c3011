#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os

import support


class Stat(support.SegctlTest):
    def fields(self, ref, **options):
        lines = self.segctl("stat", ref, **options).lines
        self.assertEqual(lines[0], ref)
        return {key.strip(): value.strip() for key, value in (x.split(":", 1) for x in lines[1:])}

    def json(self, ref, **options):
        [one] = self.segctl("stat", "--json", ref, **options).json()
        return one

    def test_all_of_a_posix_segment(self):
        ref = self.make("a", 1 << 20, 0o640, data=b"x", uid=1)
        st = os.stat(self.path("a"))
        fields = self.fields(ref)
        self.assertEqual(fields["kind"], "posix")
        self.assertEqual(fields["size"], "1.0M (1048576 bytes)")
        self.assertEqual(fields["allocated"], "4.0K (4096 bytes)")
        self.assertEqual(fields["owner"], "uid 1 (daemon), gid 1 (daemon)")
        self.assertEqual(fields["mode"], "0640")
        self.assertEqual(fields["in use"], "no")
        self.assertEqual(fields["ephemeral"], "no")
        self.assertEqual(fields["names"], "1")
        self.assertTrue(fields["inode"].startswith(f"{st.st_ino} on device "))
        self.assertRegex(fields["changed"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 \(\d+s ago\)$")

    def test_all_of_a_sysv_segment(self):
        shmid = self.make_sysv(1, 5000)
        fields = self.fields(self.sysv(1))
        self.assertEqual((fields["attaches"], fields["attached"]), ("0", "never"))
        self.attach(shmid)
        holder = self.hold("attach read-only", shmid)
        fields = self.fields(self.sysv(1))
        self.assertEqual(fields["kind"], "sysv")
        self.assertEqual(fields["size"], "4.9K (5000 bytes)")
        self.assertEqual((fields["id"], fields["key"]), (str(shmid), f"0x{self.key(1):08x}"))
        self.assertEqual((fields["in use"], fields["attaches"]), ("yes", "2"))
        self.assertEqual(fields["creator"], "uid 0 (root), gid 0 (root)")
        self.assertEqual(
            fields["pids"],
            f"{os.getpid()} created it, {holder.pid} was the last to attach or detach",
        )
        self.assertIn("ago", fields["attached"])

    def test_any_reference_is_told_in_its_canonical_form(self):
        ref, shmid, private = self.make("a"), self.make_sysv(1), self.make_sysv(None)
        forms = {
            ref: [ref, ref[1:]],
            self.sysv(1): [self.sysv(1), f"sysv:{self.key(1)}", f"sysv:id:{shmid}"],
            f"sysv:id:{private}": [f"sysv:id:{private}"],
            self.path("a"): [self.path("a")],
        }
        for canonical, references in forms.items():
            for one in references:
                self.assertEqual(self.json(one)["ref"], canonical)
                self.assertEqual(self.segctl("stat", one).lines[0], canonical)

    def test_a_removed_one_that_is_still_attached(self):
        shmid = self.make_sysv(1)
        self.attach(shmid)
        self.segctl("rm", self.sysv(1))
        fields = self.fields(f"sysv:id:{shmid}")
        self.assertEqual(fields["key"], "0x00000000 (removed: gone with its last attach)")
        self.assertIs(self.json(f"sysv:id:{shmid}")["removed"], True)

    def test_json_is_the_same_as_that_of_ls(self):
        self.make("a", data=b"x")
        self.make_sysv(1)
        for ref in self.ref("a"), self.sysv(1):
            self.assertEqual([self.json(ref)], self.segctl("ls", "--json", ref).json())

    def test_goes_on_after_an_error(self):
        refs = [self.make("a"), self.make("b")]
        args = [refs[0], self.ref("missing"), "sysv:id:2147483647", refs[1]]
        result = self.segctl("stat", "--json", *args, status=1)
        self.assertEqual([one["ref"] for one in result.json()], refs)
        self.assertEqual(
            result.err,
            f"segctl stat: {args[1]}: No such file or directory\n"
            f"segctl stat: {args[2]}: No such file or directory\n",
        )
        self.assertEqual(len(self.segctl("stat", *args, status=1).lines), 2 * 14)

    def test_needs_no_permission_on_the_segment(self):
        ref = self.make("a", 8192, 0o000)
        self.make_sysv(1, mode=0o600)
        self.assertEqual(self.json(ref, uid=support.NOBODY)["size"], 8192)
        one = self.json(self.sysv(1), uid=support.NOBODY)
        self.assertEqual((one["size"], one["in_use"]), (4096, False))
        one = self.json(ref, uid=support.NOBODY)
        self.assertEqual((one["in_use"], one["ephemeral"]), (None, None))
        self.assertEqual(self.fields(ref, uid=support.NOBODY)["in use"], "?")

    def test_tells_the_ephemeral_mark(self):
        self.segctl("create", "--ephemeral", self.ref("a"), "4K")
        self.assertEqual(self.fields(self.ref("a"))["ephemeral"], "yes")
        self.assertIs(self.json(self.ref("a"))["ephemeral"], True)

    def test_a_path_on_a_mount(self):
        self.make("a", 65536, 0o640)
        shmid = self.make_sysv(1, 8192)
        directory = self.mount()
        one = self.json(f"{directory}/posix{self.ref('a')}")
        self.assertEqual((one["kind"], one["size"], one["in_use"]), ("file", 65536, False))
        holder = self.hold("attach", shmid)
        one = self.json(f"{directory}/sysv/0x{self.key(1):08x}")
        self.assertEqual((one["size"], one["in_use"]), (8192, True))
        self.release(holder)

    def test_a_directory_is_no_segment(self):
        self.assertIn("/dev/shm", self.segctl("stat", "/dev/shm", status=1).err)


if __name__ == "__main__":
    support.main()
