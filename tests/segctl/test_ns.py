#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Namespaces live in /run/segfs: here in a mount namespace with a /run of its own."""
import os
import subprocess
import sys

import support

RUN = "/run/segfs"


class Namespaces(support.SegctlTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_all)

    def end_all(self):
        for entry in self.segctl("ns", "ls", "--json").json():
            self.segctl("ns", "rm", "--lazy", entry["name"])

    def create(self, name, *options):
        result = self.segctl("ns", "create", *options, name)
        self.assertEqual(result.out, f"{RUN}/{name}\n")
        return f"{RUN}/{name}"

    def kill_daemons(self, where):
        """Of this mount namespace: others have the same path elsewhere."""
        own = ["--ns", str(os.getpid()), "--nslist", "mnt"]
        while subprocess.run(["pkill", "-KILL", *own, "-f", where], check=False).returncode == 0:
            pass

    def only(self):
        listed = self.segctl("ns", "ls", "--json").json()
        self.assertEqual(len(listed), 1)
        return listed[0]

    def test_nothing_is_listed_where_there_is_none(self):
        self.assertEqual(self.segctl("ns", "ls").out, "")
        self.assertEqual(self.segctl("ns", "ls", "--json").json(), [])

    def test_creates_lists_and_ends(self):
        where = self.create("teamA", "--size=64M")
        with open(f"{where}/frames", "wb") as frames:
            frames.write(bytes(1 << 20))
        expected = {"name": "teamA", "mountpoint": where, "alive": True,
                    "size": 64 << 20, "used": 1 << 20, "segments": 1}
        self.assertEqual(self.only(), expected)
        self.assertEqual(self.segctl("ns", "ls").lines[1].split(),
                         ["teamA", "64M", "1.0M", "1", where])
        self.segctl("ns", "rm", "teamA")
        self.assertFalse(os.path.exists(where))
        self.assertEqual(self.segctl("ns", "ls").out, "")

    def test_the_options_reach_the_daemon(self):
        where = self.create("teamA", "--size=1M", "--nr-segments=2", "--huge=never", "--preallocate")
        with open(f"{where}/a", "wb") as file:
            os.truncate(file.fileno(), 1 << 19)
            self.assertEqual(os.fstat(file.fileno()).st_blocks * 512, 1 << 19)
        open(f"{where}/b", "wb").close()
        with self.assertRaises(OSError):
            open(f"{where}/c", "wb").close()

    def test_ls_of_a_namespace(self):
        where = self.create("teamA", "--size=64M")
        for name, size in ("a", 4096), ("b c", 0), ("frames1", 8192), ("frames2", 0):
            with open(f"{where}/{name}", "wb") as file:
                file.write(bytes(size))
        os.chown(f"{where}/a", support.NOBODY, support.NOBODY)

        lines = self.segctl("ls", where).lines
        self.assertEqual([line.split()[-1] for line in lines[1:5]],
                         [f"{where}/frames1", f"{where}/a", "c'", f"{where}/frames2"])
        self.assertIn(["file", "4.0K", "4.0K", "nobody", "0644", "no", f"{where}/a"],
                      [line.split()[:6] + line.split()[7:] for line in lines])
        self.assertIn("4 segments, 12K allocated: root 8.0K, nobody 4.0K", lines)
        self.assertEqual(lines[-1], f"{where}: 12K used of 64M, 0%")

        def names(*args, **options):
            return sorted(self.segctl("ls", "-1", *args, **options).lines)

        self.assertEqual(names(f"{where}/frames*"), [f"{where}/frames1", f"{where}/frames2"])
        self.assertEqual(names(f"{where}/a", f"{where}/b*", f"{where}/a*"),
                         [f"{where}/a", f"{where}/b c"])
        for same in (f"{where}/", {}), (".", {"cwd": where}), ("./teamA", {"cwd": RUN}):
            self.assertEqual(len(names(same[0], **same[1])), 4)
        self.assertEqual(names("./frames1", cwd=where), ["./frames1"])
        self.segctl("ls", "--kind=posix", where, status=2)
        listed = self.segctl("ls", "--json", f"{where}/a").json()
        self.assertEqual([(entry["ref"], entry["kind"], entry["in_use"]) for entry in listed],
                         [(f"{where}/a", "file", False)])
        for missing in f"{RUN}/nowhere/", f"{RUN}/nowhere", f"{RUN}/nowhere/x*", f"{where}/missing":
            self.assertIn("No such file", self.segctl("ls", missing, status=1).err)
        self.assertEqual(names(f"{where}/missing*"), [])
        self.assertEqual(len(self.segctl("ls", where, f"{where}/", "-1").lines), 4)

    def test_a_directory_at_the_root(self):
        where = self.create("teamA", "--size=64M")
        open(f"{where}/a", "wb").close()
        os.mkdir("/segfs-test-root")
        self.addCleanup(os.rmdir, "/segfs-test-root")
        subprocess.run(["mount", "--bind", where, "/segfs-test-root"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/segfs-test-root"], check=True)
        for text in "/segfs-test-root", "/segfs-test-root/":
            self.assertEqual(self.segctl("ls", "-1", text).lines, ["/segfs-test-root/a"])
        with open("/dev/shm/segfs-test-root", "wb") as segment:  # then that is meant
            self.assertEqual(self.segctl("ls", "-1", "/segfs-test-root").lines,
                             ["/segfs-test-root"])
            os.unlink(segment.name)

    def test_a_link_is_a_name(self):
        where = self.create("teamA", "--size=64M")
        open(f"{where}/a", "wb").close()
        self.addCleanup(os.unlink, "/dev/shm/segfs-test-link")
        os.symlink(where, "/dev/shm/segfs-test-link")
        self.assertEqual(self.segctl("gc", "--all", "/dev/shm/segfs-test-link").lines,
                         ["0 segments, 0 freed"])
        self.assertEqual(self.segctl("ls", "-1", "/dev/shm/segfs-test-link/").lines,
                         ["/dev/shm/segfs-test-link/a"])

    def test_a_directory_that_cannot_be_read(self):
        os.mkdir("/run/closed", 0o700)
        for text in ".", "..", "./x*":
            for command in ["ls"], ["gc", "--all"]:
                result = self.segctl(*command, text, status=1, cwd="/run/closed",
                                     uid=support.NOBODY)
                self.assertIn("Permission denied", result.err)

    def test_a_dead_mount_is_told(self):
        where = self.create("teamA", "--size=64M")
        self.kill_daemons(where)
        self.assertIn("not connected", self.segctl("ls", where, status=1).err)
        self.assertIn("not connected", self.segctl("gc", "--all", where, status=1).err)

    def test_gc_of_a_namespace(self):
        where = self.create("teamA", "--size=64M")
        for name in "a", "b", "c":
            open(f"{where}/{name}", "wb").close()
        self.assertIn("Give a filter", self.segctl("gc", where, status=2).err)
        with open(f"{where}/a", "rb"):
            self.assertEqual(sorted(self.segctl("gc", "--dry-run", "--all", where).lines),
                             ["2 segments, 0 would be freed",
                              f"would remove {where}/b, 0", f"would remove {where}/c, 0"])
            self.assertEqual(self.segctl("gc", f"{where}/[ab]").lines[0], f"removed {where}/b, 0")
            self.assertEqual(sorted(os.listdir(where)), ["a", "c"])
            self.assertEqual(self.segctl("gc", "--owner=root", "--unused-for=1h", where).lines,
                             ["0 segments, 0 freed"])
            self.segctl("gc", "--owner=root", where)
        self.assertEqual(os.listdir(where), ["a"])

    def test_gc_of_other_directories_is_refused(self):
        os.mkdir("/run/documents")
        open("/run/documents/letter", "wb").close()
        result = self.segctl("gc", "--all", "/run/documents/", status=1)
        self.assertIn("(neither /dev/shm nor on a mount of segfs)", result.err)
        self.assertEqual(self.segctl("ls", "-1", "/run/documents").lines, ["/run/documents/letter"])
        self.assertTrue(os.path.exists("/run/documents/letter"))

    def test_what_is_in_use_is_not_ended_but_lazily(self):
        where = self.create("teamA", "--size=1M")
        with open(f"{where}/a", "wb"):
            result = self.segctl("ns", "rm", "teamA", status=1)
            self.assertIn("teamA: Device or resource busy (", result.err)
            self.segctl("ns", "rm", "--lazy", "teamA")
        self.assertEqual(self.segctl("ns", "ls").out, "")

    def test_what_a_container_uses_is_not_ended(self):
        where = self.create("teamA", "--size=1M")
        with open(f"{where}/a", "wb") as file:
            file.write(bytes(4096))
        holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", sys.executable, "-c",
             support.HOLDER.format(support.HOLDERS["map, closed"]), f"{where}/a", "closed"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(holder.stdout.readline(), b"ready\n")
        result = self.segctl("ns", "rm", "teamA", status=1)
        self.assertIn("somebody uses a segment of it", result.err)
        self.assertEqual(self.only()["segments"], 1)
        holder.communicate()
        self.segctl("ns", "rm", "teamA")

    def test_a_dead_one_leaves_no_view(self):
        where = self.create("teamA", "--size=1M")
        self.kill_daemons(where)
        self.assertEqual(self.segctl("ns", "ls").lines[1].split()[0], "teamA")
        self.segctl("ns", "rm", "teamA")
        self.assertEqual(os.listdir(RUN), ["ro"])
        self.assertEqual(os.listdir(f"{RUN}/ro"), [])
        self.assertIn("no namespace of this name", self.segctl("ns", "rm", "teamA", status=1).err)

    def test_an_ephemeral_one_is_not_made_through_a_mount(self):
        where = self.create("teamA", "--size=1M")
        result = self.segctl("create", "--ephemeral", f"{where}/a", "4K", status=1)
        self.assertIn("it would go at once", result.err)
        self.assertEqual(os.listdir(where), [])

    def test_what_cannot_be_forced_is_not_advised(self):
        where = self.create("teamA", "--size=1M")
        self.segctl("create", f"{where}/a", "64K")
        self.hold("map", f"{where}/a")
        for force, advised in ([], True), (["--force"], False):
            result = self.segctl("resize", *force, f"{where}/a", "4K", status=1)
            self.assertEqual("--force does it" in result.err, advised)

    def test_a_second_one_of_the_name_is_refused(self):
        self.create("teamA", "--size=1M")
        result = self.segctl("ns", "create", "teamA", status=1)
        self.assertIn("mounted there already", result.err)
        self.assertEqual(self.only()["size"], 1 << 20)

    def test_names_and_usage(self):
        for name in "../x", "ro", "host", "", "a b", ".hidden", "x" * 65:
            self.segctl("ns", "create", name, status=2)
        self.assertFalse(os.path.exists(RUN) and set(os.listdir(RUN)) - {"ro"})
        self.segctl("ns", status=2)
        self.segctl("ns", "nonsense", status=2)
        self.segctl("ns", "rm", status=2)
        self.segctl("ns", "create", "--huge=a,size=9g", "x", status=2)
        self.assertIn("No such file", self.segctl("ns", "rm", "nowhere", status=1).err)
        self.assertIn("Usage: segctl ns", self.segctl("ns", "--help").out)


if __name__ == "__main__":
    if os.geteuid() != 0 or "SEGFS" not in os.environ:
        print("skipped: mounting takes root, and the daemon")
        sys.exit(support.SKIP)
    if "SEGCTL_NS_TEST" not in os.environ:
        os.environ["SEGCTL_NS_TEST"] = "inside"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, __file__])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.environ["PATH"] = os.path.dirname(os.environ["SEGFS"]) + ":" + os.environ["PATH"]
    support.main()
