#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What all commands have in common: help, usage, exit statuses, standard streams."""
import os
import signal
import subprocess

import support

COMMANDS = ["ls", "stat", "users", "create", "resize", "rm", "gc", "cat", "write"]


class Cli(support.SegctlTest):
    def test_help_names_every_command(self):
        for option in "--help", "-h":
            text = self.segctl(option).out
            for command in COMMANDS:
                self.assertIn(f"\n  {command} ", text)

    def test_version(self):
        for option in "--version", "-V":
            self.assertRegex(self.segctl(option).out, r"^segctl \d+\.\d+\.\d+\n$")

    def test_each_command_has_help(self):
        for command in COMMANDS:
            result = self.segctl(command, "--help")
            self.assertTrue(result.out.startswith(f"Usage: segctl {command} "))
            self.assertIn("--help", result.out)
            self.assertEqual(result.err, "")
            self.assertLessEqual(max(map(len, result.lines)), 90)

    def test_help_wins_over_what_is_missing(self):
        self.segctl("create", "--help", "--mode=0600")

    def test_no_command_and_an_unknown_one_point_at_the_help(self):
        for args in [], ["frobnicate"], ["--frobnicate"], [""]:
            result = self.segctl(*args, status=2)
            self.assertEqual(result.out, "")
            self.assertIn("Try 'segctl --help'", result.err)
        self.assertIn("unknown command frobnicate", self.segctl("frobnicate", status=2).err)

    def test_an_unknown_option_points_at_the_help_of_the_command(self):
        for command in COMMANDS:
            for option in "--frobnicate", "-Z", "--help=me":
                result = self.segctl(command, option, status=2)
                self.assertEqual(result.out, "")
                self.assertTrue(result.err.startswith(f"segctl {command}: "), result.err)
                self.assertIn(f"Try 'segctl {command} --help'", result.err)

    def test_missing_and_surplus_operands_are_usage_errors(self):
        wrong = [
            ["stat"], ["users"], ["rm"], ["cat"], ["write"], ["create"], ["resize"],
            ["create", "/x"], ["create", "/x", "1", "2"], ["resize", "/x"],
            ["resize", "/x", "1", "2"], ["cat", "/x", "/y"], ["write", "/x", "/y"], ["gc"],
            ["gc", "-n"], ["gc", "-v"],
        ]  # fmt: skip
        for args in wrong:
            result = self.segctl(*args, status=2)
            self.assertIn(f"Try 'segctl {args[0]} --help'", result.err)

    def test_wrong_arguments_of_options_are_usage_errors(self):
        wrong = [
            ["ls", "--kind=file"], ["ls", "--kind"], ["ls", "--sort=colour"], ["ls", "--sort="],
            ["create", "/x", "12Q"], ["create", "/x", "-1"], ["create", "/x", ""],
            ["create", "--mode=888", "/x", "1"], ["create", "--mode=01777", "/x", "1"],
            ["create", "--mode=", "/x", "1"], ["create", "/x", "99999999999999999999"],
            ["resize", "/x", "1.5"], ["gc", "--unused-for=1y"], ["gc", "--unused-for=-1h"],
            ["gc", "--owner=no-such-user"], ["gc", "--owner=-1"], ["gc", "--owner=4294967295"],
            ["gc", "--kind=any"], ["write", "--size=x", "/x"],
        ]  # fmt: skip
        for args in wrong:
            self.assertIn("--help", self.segctl(*args, status=2).err)

    def test_two_hyphens_end_the_options(self):
        name = f"-{self.prefix[1:]}x"
        self.addCleanup(lambda: os.path.exists(f"/dev/shm/{name}") and os.unlink(f"/dev/shm/{name}"))
        self.segctl("create", "--", name, "4K")
        self.assertThere(f"/{name}")
        self.segctl("rm", "--", name)
        self.assertGone(f"/{name}")

    def test_malformed_references_are_failures(self):
        for ref in "", "/", ".", "/..", "sysv:", "sysv:x", "sysv:id:", "sysv:-1", "/" + "x" * 256:
            for args in ["stat", ref], ["rm", ref], ["cat", ref], ["users", ref], ["write", ref]:
                self.assertIn(f"segctl {args[0]}: ", self.segctl(*args, status=1).err)

    def test_errors_show_control_characters_safely(self):
        result = self.segctl("stat", b"/x\n\x1b[31m\xff", status=1)
        self.assertEqual(result.err.count("\n"), 1)
        self.assertIn(r"'/x'$'\n\e''[31m'$'\377': No such file", result.err)

    def test_a_full_disk_is_a_failure(self):
        self.make("a")
        wrong = [["ls"], ["ls", "--json"], ["--help"], ["--version"], ["ls", "--help"],
                 ["stat", self.ref("a")], ["rm", "-v", self.ref("a")]]  # fmt: skip
        for args in wrong:
            with open("/dev/full", "wb") as full:
                result = self.segctl(*args, status=1, stdout=full)
            self.assertIn("write error: No space left on device", result.err)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        for i in range(50):
            self.make(str(i))
        ours, theirs = os.pipe()
        os.close(ours)
        process = subprocess.run(
            [self.program, "ls"],
            stdout=theirs,
            stderr=subprocess.PIPE,
            check=False,
            restore_signals=True,
        )
        os.close(theirs)
        self.assertEqual((process.returncode, process.stderr), (-signal.SIGPIPE, b""))

    def test_a_segment_never_stands_in_for_a_closed_stream(self):
        ref = self.make("a", data=b"contents")
        for script, name in ('"$0" cat "$1" >&-', "stdout"), ('"$0" write "$1" <&-', "stdin"):
            args = ["sh", "-c", script, self.program, ref]
            process = subprocess.run(args, capture_output=True, check=False)
            self.assertEqual(process.returncode, 1)
            self.assertIn(f"{name}: Bad file descriptor", process.stderr.decode())
        with open(self.path("a"), "rb") as segment:
            self.assertEqual(segment.read(9), b"contents\0")


if __name__ == "__main__":
    support.main()
