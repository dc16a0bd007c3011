#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import pty
import re
import subprocess

import support

SOURCE = os.path.join(os.path.dirname(__file__), "../../completions/segctl.bash")
COMPLETE = """
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() COMP_CWORD=0
_segctl
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


class Completion(support.SegctlTest):
    def shell(self):
        return self.environment(PATH=f"{self.directory}:{os.environ['PATH']}", PS1="ready> ")

    def complete(self, line):
        out = subprocess.run(
            ["bash", "--norc", "-c", COMPLETE, "bash", SOURCE, line],
            env=self.shell(), capture_output=True, check=True,
        )  # fmt: skip
        self.assertEqual(out.stderr, b"")
        return sorted(out.stdout.decode().splitlines())

    def type(self, line):
        """What an interactive bash makes of a line that ends with a tab."""
        ours, theirs = pty.openpty()
        bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**self.shell(), "TERM": "dumb", "INPUTRC": "/dev/null"}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, f". '{SOURCE}'; bind 'set enable-bracketed-paste off'\n".encode())
        os.write(ours, f"{line}\t\nexit\n".encode())
        text = support.read_terminal(ours)
        bash.wait()
        return text

    def test_commands(self):
        commands = ["cat", "create", "gc", "ls", "ns", "resize", "rm", "stat", "users", "write"]
        self.assertEqual(self.complete("segctl "), ["--help", "--version", *commands])
        self.assertEqual(self.complete("segctl r"), ["resize", "rm"])
        self.assertEqual(self.complete("segctl --v"), ["--version"])
        self.assertEqual(self.complete("segctl x"), [])

    def test_options_are_those_of_the_help(self):
        options = ["--force", "--help", "--if-unused", "--verbose"]
        self.assertEqual(self.complete("segctl rm --"), options)
        self.assertEqual(self.complete("segctl rm -v --i"), ["--if-unused"])
        self.assertEqual(
            self.complete("segctl ls --"),
            ["--bytes", "--help", "--json", "--kind=", "--names", "--reverse", "--sort="],
        )
        for command in self.complete("segctl ")[2:]:
            text = self.segctl(command, "--help").out
            options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+=?)", text, re.M))
            self.assertEqual(set(self.complete(f"segctl {command} --")), options)

    def test_values_of_options(self):
        self.assertEqual(self.complete("segctl ls --kind="), ["posix", "sysv"])
        self.assertEqual(self.complete("segctl gc --kind=s"), ["sysv"])
        self.assertEqual(self.complete("segctl ls --sort=a"), ["age", "allocated"])
        self.assertIn("root", self.complete("segctl gc --owner=ro"))

    def test_namespaces(self):
        self.assertEqual(self.complete("segctl ns "), ["create", "ls", "rm"])
        self.assertEqual(self.complete("segctl ns c"), ["create"])

    def test_segments(self):
        refs = [self.make("a"), self.make("b")]
        self.make_sysv(1)
        start = self.prefix
        for command in "ls", "stat", "users", "resize", "rm", "gc", "cat", "write":
            self.assertEqual(self.complete(f"segctl {command} {start}"), refs)
        self.assertEqual(self.complete(f"segctl rm -v {refs[0]} {start}"), refs)
        self.assertEqual(self.complete(f"segctl rm {start[1:]}"), [ref[1:] for ref in refs])
        self.assertTrue(set(refs) < set(self.complete("segctl rm ")))
        self.assertEqual(self.complete(f"segctl rm {self.sysv(1)[:-2]}"), [self.sysv(1)[5:]])

    def test_none_where_a_new_name_or_a_size_is_wanted(self):
        ref = self.make("a")
        self.assertEqual(self.complete(f"segctl create {self.prefix}"), [])
        self.assertEqual(self.complete(f"segctl resize {ref} "), [])

    def test_files_where_it_is_a_path(self):
        self.make("a")
        self.assertEqual(self.complete(f"segctl stat {self.path('')}"), [self.path("a")])

    def test_names_that_a_shell_would_take_apart(self):
        self.make("a b")
        self.make("$x")
        words = [self.ref(r"\$x"), self.ref(r"a\ b")]
        self.assertEqual(self.complete(f"segctl rm {self.prefix}"), words)

    def test_in_a_real_shell(self):
        self.make("only", 12345)
        self.make_sysv(1, 23456)
        text = self.type(f"segctl stat {self.prefix}on")
        self.assertIn(f"segctl stat {self.ref('only')} \n", text.replace("\r", ""))
        self.assertIn("(12345 bytes)", text)
        self.assertIn("(23456 bytes)", self.type(f"segctl stat {self.sysv(1)[:-1]}"))
        self.assertIn("KIND", self.type("segctl ls --kind=po"))


if __name__ == "__main__":
    support.main()
