#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import sys

import support


class Users(support.SegctlTest):
    def of(self, ref, **options):
        """By pid. What it says of processes out of sight depends on the machine."""
        [one] = self.segctl("users", "--json", ref, **options).json()
        self.complete = one["complete"]
        return {user["pid"]: user for user in one["users"]}

    def test_each_way_of_using_a_posix_segment(self):
        ref = self.make("a")
        ways = {
            "open": ["open"],
            "map": ["open", "mapped"],
            "map, closed": ["mapped"],
            "map read-only, closed": ["mapped"],
        }
        holders = {self.hold(how, self.path("a")).pid: words for how, words in ways.items()}
        users = self.of(ref)
        self.assertEqual({pid: user["how"] for pid, user in users.items()}, holders)
        for user in users.values():
            self.assertEqual((user["uid"], user["user"]), (0, "root"))
            self.assertEqual(user["through"], ["direct"])
            self.assertTrue(user["command"].startswith("python"))

    def test_attaches_of_both_modes(self):
        shmid = self.make_sysv(1)
        pids = {self.hold(how, shmid).pid for how in ("attach", "attach read-only")}
        for ref in self.sysv(1), f"sysv:id:{shmid}":
            users = self.of(ref)
            self.assertEqual(set(users), pids)
            self.assertEqual({tuple(user["how"]) for user in users.values()}, {("attached",)})

    def test_through_a_mount_and_directly(self):
        self.make("a")
        shmid = self.make_sysv(1)
        directory = self.mount()
        path = f"{directory}/posix{self.ref('a')}"
        mounted = self.hold("map, closed", path)
        direct = self.hold("map, closed", self.path("a"))
        users = self.of(self.ref("a"))
        self.assertEqual(users[mounted.pid]["through"], ["mount"])
        self.assertEqual(users[direct.pid]["through"], ["direct"])
        self.assertEqual(self.of(path)[mounted.pid]["through"], ["mount"])
        path = f"{directory}/sysv/0x{self.key(1):08x}"
        mounted, direct = self.hold("map, closed", path), self.hold("attach", shmid)
        users = self.of(self.sysv(1))
        self.assertEqual(users[mounted.pid]["through"], ["mount"])
        user = users[direct.pid]
        self.assertEqual((user["how"], user["through"]), (["attached"], ["direct"]))

    def test_the_table(self):
        ref = self.make("a b")
        holder = self.hold("map", self.path("a b"))
        result = self.segctl("users", ref)
        self.assertEqual(result.lines[0].split(), "PID USER COMMAND HOW THROUGH NAME".split())
        row = rf"^ *{holder.pid}  root  python\S*  open,mapped  direct   '{ref}'$"
        self.assertRegex(result.lines[1], row)
        self.assertEqual(len(result.lines), 2)

    def test_nobody(self):
        ref = self.make("a")
        self.assertEqual(self.of(ref), {})
        self.assertEqual(self.segctl("users", ref).out, "")

    def test_is_no_user_itself(self):
        self.make_sysv(1)
        self.assertEqual(self.of(self.sysv(1)), {})

    def test_several_segments_and_an_error(self):
        refs = [self.make("a"), self.ref("missing"), self.make("b")]
        holders = [self.hold("open", self.path(name)) for name in "ab"]
        result = self.segctl("users", *refs, status=1)
        self.assertIn(f"segctl users: {refs[1]}: No such file or directory\n", result.err)
        table = result.rows()
        self.assertEqual({ref: row["PID"] for ref, row in table.items()}, {
            refs[0]: str(holders[0].pid), refs[2]: str(holders[1].pid)})
        objects = self.segctl("users", "--json", *refs, status=1).json()
        self.assertEqual([one["ref"] for one in objects], [refs[0], refs[2]])

    def test_says_when_not_everything_could_be_seen(self):
        ref = self.make("a", mode=0o644)
        self.hold("open", self.path("a"))
        self.assertEqual(self.of(ref, uid=support.NOBODY), {})
        self.assertFalse(self.complete)
        result = self.segctl("users", ref, uid=support.NOBODY)
        self.assertIn(f"segctl users: {ref}: not every process could be looked at", result.err)

    def test_says_when_there_is_a_user_that_can_not_be_seen(self):
        self.make("a", uid=support.NOBODY)
        self.make_sysv(1, mode=0o666)
        self.hold("open", self.path("a"))
        self.hold("attach", self.make_sysv(2))
        for ref in self.ref("a"), self.sysv(2):
            result = self.segctl("users", ref, uid=support.NOBODY)
            self.assertEqual(
                result.err,
                f"segctl users: {ref}: used by a process that can't be told: it can't be seen from "
                "here, or came through the mount of a daemon that has died\n"
            )

    def test_an_odd_command_is_shown_safely(self):
        ref = self.make("a")
        code = (
            "import ctypes, sys; f = open(sys.argv[1]); "
            "ctypes.CDLL(None).prctl(15, b'\\x1b[31m\\xff)\"', 0, 0, 0); "
            "print('ready', flush=True); sys.stdin.read()"
        )
        odd = subprocess.Popen([sys.executable, "-c", code, self.path("a")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holders.append(odd)
        odd.stdout.readline()
        user = self.of(ref)[odd.pid]
        self.assertEqual(user["command"], '\x1b[31m\ufffd)"')
        self.assertEqual(bytes.fromhex(user["command_hex"]), b'\x1b[31m\xff)"')
        self.assertIn("$'\\e''[31m'$'\\377'')\"'", self.segctl("users", ref).out)


if __name__ == "__main__":
    support.main()
