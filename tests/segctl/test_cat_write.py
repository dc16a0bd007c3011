#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import ctypes
import os
import pty
import random
import select
import signal
import subprocess
import tempfile

import support

MIB = 1 << 20


class CatWrite(support.SegctlTest):
    def setUp(self):
        super().setUp()
        self.file = tempfile.TemporaryFile(dir="/tmp")  # a file system with holes
        self.addCleanup(self.file.close)

    def start(self, *args, **options):
        process = subprocess.Popen(self.command(args), env=self.environment(), **options)
        self.holders.append(process)
        return process

    def release(self, holder):
        if holder.stdin and holder.stdout:
            super().release(holder)
        elif holder.poll() is None:
            holder.kill()
            holder.wait()

    def fill_sysv(self, n, data, mode=0o600):
        shmid = self.make_sysv(n, len(data), mode)
        address = support.checked(support.libc.shmat(shmid, None, 0))
        ctypes.memmove(address, data, len(data))
        support.libc.shmdt(address)
        return shmid

    def contents(self, name):
        with open(self.path(name), "rb") as segment:
            return segment.read()

    def allocated(self, ref):
        [one] = self.segctl("ls", "--json", ref).json()
        return one["allocated"]

    def both_kinds(self, data):
        self.make("a", len(data), 0o644, data=data)
        self.fill_sysv(1, data, 0o644)
        return self.ref("a"), self.sysv(1)

    # -- cat

    def test_every_byte_of_both_kinds(self):
        data = random.Random(1).randbytes(3 * MIB + 17)
        for ref in self.both_kinds(data):
            self.assertEqual(self.segctl("cat", ref).raw, data)
            self.segctl("cat", ref, stdout=self.file)
            self.file.seek(0)
            self.assertEqual(self.file.read(), data)
            self.file.seek(0)
            self.file.truncate()

    def test_an_empty_segment(self):
        ref = self.make("a", 0)
        self.assertEqual(self.segctl("cat", ref).raw, b"")

    def test_a_file_gets_its_holes(self):
        data = b"a" * 4096 + bytes(8 * MIB) + b"b" * 100 + bytes(8 * MIB)
        for ref in self.both_kinds(data):
            self.segctl("cat", ref, stdout=self.file)
            self.assertEqual(os.fstat(self.file.fileno()).st_size, len(data))
            self.assertLess(os.fstat(self.file.fileno()).st_blocks * 512, MIB)
            self.file.seek(0)
            self.assertEqual(self.file.read(), data)
            self.file.seek(0)
            self.file.truncate()

    def test_a_large_hole_takes_no_time_and_no_memory(self):
        ref = self.make("a", 1 << 42, data=b"x")
        self.segctl("cat", ref, stdout=self.file)
        self.assertEqual(os.fstat(self.file.fileno()).st_size, 1 << 42)
        self.assertEqual(self.allocated(ref), 4096)

    def test_reading_takes_no_memory_of_a_sparse_sysv_segment(self):
        self.make_sysv(1, 64 * MIB)
        self.assertEqual(self.segctl("cat", self.sysv(1)).raw, bytes(64 * MIB))
        self.assertEqual(self.allocated(self.sysv(1)), 0)

    def test_what_is_in_the_file_is_written_over(self):
        data = bytes(64 << 10) + b"end"
        for ref in self.both_kinds(data):
            os.pwrite(self.file.fileno(), b"x" * MIB, 0)
            self.file.seek(10)
            self.segctl("cat", ref, stdout=self.file)
            self.assertEqual(self.file.tell(), 10 + len(data))
            self.file.seek(0)
            expected = b"x" * 10 + data + b"x" * (MIB - 10 - len(data))
            self.assertEqual(self.file.read(), expected)

    def test_appending_keeps_what_was_there(self):
        data = b"a" + bytes(64 << 10)
        with tempfile.NamedTemporaryFile(dir="/tmp") as file:
            file.write(b"before")
            file.flush()
            with open(file.name, "ab") as end:
                self.segctl("cat", self.make("a", len(data), data=b"a"), stdout=end)
            with open(file.name, "rb") as whole:
                self.assertEqual(whole.read(), b"before" + data)

    def test_lives_when_the_segment_is_cut_while_it_reads(self):
        ref = self.make("a", 64 * MIB, data=b"x")
        process = self.start("cat", ref, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(4096)
        os.truncate(self.path("a"), 0)
        rest, err = process.communicate()
        self.assertLess(len(rest), 64 * MIB)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"it was made smaller while it was read", err)

    def test_lives_when_the_segment_is_removed_while_it_reads(self):
        refs = self.both_kinds(b"x" * 8 * MIB)
        for ref in refs:
            process = self.start("cat", ref, stdout=subprocess.PIPE)
            first = process.stdout.read(4096)
            self.segctl("rm", ref)
            self.assertEqual(first + process.communicate()[0], b"x" * 8 * MIB)
            self.assertEqual(process.returncode, 0)

    def test_a_reader_that_goes_away(self):
        ref = self.make("a", 8 * MIB)
        for signals, status in (True, -signal.SIGPIPE), (False, 1):
            process = self.start(
                "cat", ref, stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=signals
            )
            process.stdout.read(1)
            process.stdout.close()
            err = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.wait(), status)
            self.assertEqual(err, b"" if signals else b"segctl cat: stdout: Broken pipe\n")

    def test_a_full_disk(self):
        for ref in self.both_kinds(b"x" * 8192):
            with open("/dev/full", "wb") as full:
                result = self.segctl("cat", ref, stdout=full, status=1)
            self.assertEqual(result.err, "segctl cat: stdout: No space left on device\n")

    def test_as_whom_it_may_be_read(self):
        data = b"contents" * 1000
        for ref in self.both_kinds(data):
            self.assertEqual(self.segctl("cat", ref, uid=support.NOBODY).raw, data)
        self.make("b")
        self.make_sysv(2)
        for ref in self.ref("b"), self.sysv(2):
            result = self.segctl("cat", ref, uid=support.NOBODY, status=1)
            self.assertEqual(result.err, f"segctl cat: {ref}: Permission denied\n")

    def test_a_missing_one(self):
        for ref in self.ref("a"), self.sysv(1):
            result = self.segctl("cat", ref, status=1)
            self.assertEqual(result.err, f"segctl cat: {ref}: No such file or directory\n")

    # -- write

    def test_into_an_existing_segment_from_its_first_byte_on(self):
        for ref in self.both_kinds(b"x" * 10000):
            for source in {"input": b"contents"}, {"stdin": self.file}:
                if "stdin" in source:
                    self.file.seek(0)
                    self.file.write(b"skipped, contents")
                    self.file.flush()
                    os.lseek(self.file.fileno(), 9, os.SEEK_SET)
                result = self.segctl("write", ref, **source)
                self.assertEqual((result.out, result.err), ("", ""))
                self.assertEqual(self.segctl("cat", ref).raw[:9], b"contentsx"[:9])

    def test_zeros_are_written_over_what_was_there(self):
        for ref in self.both_kinds(b"x" * MIB):
            self.segctl("write", ref, input=bytes(MIB))
            self.assertEqual(self.segctl("cat", ref).raw, bytes(MIB))

    def test_an_input_that_is_too_long(self):
        for ref in self.both_kinds(b"x" * 4096):
            self.file.write(b"y" * 4097)
            self.file.seek(0)
            result = self.segctl("write", ref, stdin=self.file, status=1)
            self.assertEqual(
                result.err, f"segctl write: {ref}: File too large (the segment has only 4.0K)\n"
            )
            self.assertEqual(self.segctl("cat", ref).raw, b"x" * 4096)
            result = self.segctl("write", ref, input=b"y" * 4097, status=1)
            self.assertIn("File too large", result.err)
            self.assertEqual(self.segctl("cat", ref).raw, b"y" * 4096)
            self.segctl("write", ref, input=b"z" * 4096)
            self.assertEqual(self.segctl("cat", ref).raw, b"z" * 4096)

    def test_a_missing_one_is_made_only_where_asked(self):
        for ref in self.ref("a"), self.sysv(1):
            result = self.segctl("write", ref, input=b"x", status=1)
            self.assertIn("No such file or directory (--create makes it)", result.err)
            self.assertGone(ref)

    def test_a_new_one_is_as_large_as_the_file(self):
        self.file.write(b"x" * 12345)
        for option, ref in ("-c", self.ref("a")), ("--create", self.sysv(1)):
            self.file.seek(0)
            self.segctl("write", option, ref, stdin=self.file)
            self.assertEqual(self.segctl("cat", ref).raw, b"x" * 12345)

    def test_a_new_one_grows_with_a_pipe(self):
        data = random.Random(2).randbytes(3 * MIB + 5) + bytes(10000)
        self.segctl("write", "-c", self.ref("a"), input=data)
        self.assertEqual(self.contents("a"), data)
        result = self.segctl("write", "-c", self.sysv(1), input=b"x", status=1)
        self.assertIn("needs a --size when the input is a pipe", result.err)
        self.assertGone(self.sysv(1))

    def test_a_new_one_can_be_given_a_size_and_a_mode(self):
        for ref in self.ref("a"), self.sysv(1):
            self.segctl("write", "--create", "--size=64K", "--mode=0640", ref, input=b"x")
            [one] = self.segctl("stat", "--json", ref).json()
            self.assertEqual((one["size"], one["mode"], one["allocated"]), (65536, "0640", 4096))

    def test_a_failure_leaves_no_new_segment(self):
        for ref in self.ref("a"), self.sysv(1):
            self.segctl("write", "-c", "-s", "4K", ref, input=b"x" * 5000, status=1)
            self.assertGone(ref)
            self.file.truncate(5000)
            self.file.seek(0)
            self.segctl("write", "-c", "-s", "4K", ref, stdin=self.file, status=1)
            self.assertGone(ref)

    def test_an_existing_one_is_no_new_one(self):
        for ref in self.both_kinds(b"x" * 4096):
            self.segctl("write", "-c", "-m", "0777", "-s", "1M", ref, input=b"abc")
            [one] = self.segctl("stat", "--json", ref).json()
            self.assertEqual((one["size"], one["mode"]), (4096, "0644"))
            self.segctl("write", "-c", ref, input=b"x" * 5000, status=1)
            self.assertThere(ref)

    def test_saved_and_loaded_it_takes_as_little_memory(self):
        ref = self.make("a", 1 << 30, data=b"x" * 8192)
        with open(self.path("a"), "r+b") as segment:
            segment.seek(512 * MIB)
            segment.write(b"y")
        self.segctl("cat", ref, stdout=self.file)
        for copy in self.ref("b"), self.sysv(1):
            self.file.seek(0)
            self.segctl("write", "-c", copy, stdin=self.file)
            self.assertEqual(self.allocated(copy), 3 * 4096)
            [one] = self.segctl("stat", "--json", copy).json()
            self.assertEqual(one["size"], 1 << 30)
            with tempfile.TemporaryFile(dir="/tmp") as again:
                self.segctl("cat", copy, stdout=again)
                self.assertEqual(os.pread(again.fileno(), 8193, 0), b"x" * 8192 + b"\0")
                self.assertEqual(os.pread(again.fileno(), 2, 512 * MIB), b"y\0")

    def test_a_writer_that_is_slow(self):
        process = self.start("write", "-c", self.ref("a"), stdin=subprocess.PIPE)
        for byte in b"contents":
            process.stdin.write(bytes([byte]))
            process.stdin.flush()
        process.stdin.close()
        self.assertEqual(process.wait(), 0)
        self.assertEqual(self.contents("a"), b"contents")

    def test_lives_when_the_segment_is_cut_while_it_writes(self):
        ref = self.make("a", 8 * MIB)
        process = self.start("write", ref, stdin=subprocess.PIPE)
        process.stdin.write(b"x" * MIB)
        process.stdin.flush()
        os.truncate(self.path("a"), 0)
        process.stdin.write(b"x" * 7 * MIB)
        process.stdin.close()
        self.assertEqual(process.wait(), 0)

    def test_what_may_not_be_written(self):
        for ref in self.both_kinds(b"x" * 100):
            result = self.segctl("write", ref, input=b"y", uid=support.NOBODY, status=1)
            self.assertEqual(result.err, f"segctl write: {ref}: Permission denied\n")

    def test_a_store_that_is_full(self):
        script = 'mount -t tmpfs -o size=1M segfs-test /dev/shm && "$@"; echo $?; ls /dev/shm'
        for args in ["-c"], ["-c", "-s", "4M"]:
            process = subprocess.run(
                ["unshare", "-m", "sh", "-c", script, "sh",
                 *self.command(["write", *args, self.ref("a")])],
                input=b"x" * 4 * MIB, capture_output=True, check=False,
            )  # fmt: skip
            self.assertEqual(process.stdout, b"1\n")
            self.assertIn(b"No space left on device", process.stderr)

    # -- the way there

    def test_paths_on_a_mount(self):
        posix, _ = self.both_kinds(b"x" * 5000)
        directory = self.mount()
        for path in f"{directory}/posix{posix}", f"{directory}/sysv/0x{self.key(1):08x}":
            self.assertEqual(self.segctl("cat", path).raw, b"x" * 5000)
            self.segctl("write", path, input=b"contents")
            self.assertEqual(self.segctl("cat", path).raw[:9], b"contentsx")
        self.assertEqual(self.segctl("cat", self.sysv(1)).raw[:9], b"contentsx")

    def watch(self, process, drain):
        """What shows on the terminal at @drain's other end, until a bar does."""
        shown = b""
        while b"/s" not in shown:
            drain()
            if select.select([self.terminal], [], [], 0.02)[0]:
                shown += os.read(self.terminal, 4096)
            self.assertIsNone(process.poll(), "it is done and showed nothing")
        return shown.decode()

    def test_a_long_copy_shows_how_far_it_is(self):
        ref = self.make("a", 1 << 30)
        self.terminal, theirs = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        process = self.start("cat", ref, stdout=subprocess.PIPE, stderr=theirs)
        shown = self.watch(process, lambda: os.read(process.stdout.fileno(), 65536))
        self.assertRegex(shown, r"\r +\d+% \[=*> *\] [\d.]+M of 1\.0G, [\d.]+[KM]/s\x1b\[K")
        process.stdout.close()
        process.wait()
        process = self.start("write", "-c", self.ref("b"), stdin=subprocess.PIPE, stderr=theirs)
        shown = self.watch(process, lambda: os.write(process.stdin.fileno(), b"x" * 4096))
        self.assertRegex(shown, r"\r[\d.]+[KM], [\d.]+K/s\x1b\[K")
        process.stdin.close()
        self.assertEqual(process.wait(), 0)
        os.close(theirs)
        self.assertTrue(support.read_terminal(os.dup(self.terminal)).endswith("\r\x1b[K"))

    def test_a_short_copy_shows_nothing(self):
        ours, theirs = pty.openpty()
        ref = self.make("a", 1000)
        subprocess.run(self.command(["cat", ref]), stdout=subprocess.DEVNULL, stderr=theirs, check=True)
        os.close(theirs)
        self.assertEqual(support.read_terminal(ours), "")


if __name__ == "__main__":
    support.main()
