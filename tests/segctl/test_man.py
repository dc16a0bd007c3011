#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages say what the programs do."""
import os
import re
import shutil
import subprocess

import support

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/man")
PAGES = ["segctl.1", "segfs.8"]


def read(page):
    with open(os.path.join(DIRECTORY, page), encoding="ascii") as file:
        return file.read()


class Man(support.SegctlTest):
    def test_every_option_of_every_command_is_told(self):
        page = read("segctl.1")
        for command in re.findall(r"^  ([a-z]+) ", self.segctl("--help").out, re.M):
            [section] = re.findall(rf"^\.Ss segctl {command}\b.*?(?=^\.S[sh] )", page, re.M | re.S)
            for option in re.findall(r"^ +(?:-\w, )?--([a-z-]+)", self.segctl(command, "--help").out, re.M):
                if option != "help":
                    self.assertIn(f"Fl Fl {option}", section, command)

    def test_every_member_of_the_json_is_told(self):
        page = read("segctl.1")
        self.make_sysv(1)
        [one] = self.segctl("ls", "--json", self.sysv(1)).json()
        for name in one:
            self.assertRegex(page, rf"(?m)^\.(It )?Li .*\b{name}\b")

    def test_formatters_do_not_complain(self):
        checkers = {
            "mandoc": ["mandoc", "-Tlint", "-Wwarning"],
            "groff": ["groff", "-mandoc", "-Tutf8", "-ww", "-z"],
        }
        checkers = [command for name, command in checkers.items() if shutil.which(name)]
        if not checkers:
            self.skipTest("neither mandoc nor groff")
        for command in checkers:
            for page in PAGES:
                args = [*command, os.path.join(DIRECTORY, page)]
                process = subprocess.run(args, capture_output=True, check=False)
                self.assertEqual(process.stdout + process.stderr, b"", args)


if __name__ == "__main__":
    support.main()
