# SPDX-License-Identifier: MIT
"""What the tests of segctl share: running it, real segments, and those who hold them.

SEGCTL names the program. What a test makes is called segfs-test-PID-*, or has a key of
this process's own range, and goes when the test ends.
"""
import ctypes
import json
import mmap
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

NOBODY = 65534
SKIP = 77

IPC_CREAT, IPC_EXCL, IPC_RMID = 0o1000, 0o2000, 0

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
libc.shmctl.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]


def checked(result):
    if result in (-1, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def sysv_table():
    with open("/proc/sysvipc/shm", encoding="ascii") as table:
        names = next(table).split()
        return {int(row["shmid"]): row for row in (dict(zip(names, line.split())) for line in table)}


# What a holder does, by name; it then tells that it is ready and waits to be ended.
HOLDERS = {
    "open": "f = open(path, 'rb')",
    "map": "m = mmap.mmap(os.open(path, os.O_RDWR), 0)",
    "map, closed": "fd = os.open(path, os.O_RDWR); m = mmap.mmap(fd, 0); os.close(fd)",
    "map read-only, closed": "fd = os.open(path, os.O_RDONLY); "
    "m = mmap.mmap(fd, 0, prot=mmap.PROT_READ); os.close(fd)",
    "attach": "libc.shmat(int(path), None, 0)",
    "attach read-only": "libc.shmat(int(path), None, 0o10000)",
}
# mmap keeps a descriptor of its own (a dup): closed as well where the mapping alone is meant.
HOLDER = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None)
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
path = sys.argv[1]
{}
if 'closed' in sys.argv[2]:
    os.closerange(3, 64)
print('ready', flush=True)
sys.stdin.read()
"""


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.raw = process.stdout
        self.out = process.stdout.decode(errors="surrogateescape")
        self.err = process.stderr.decode(errors="surrogateescape")
        self.lines = self.out.splitlines()

    def json(self):
        return json.loads(self.raw.decode("utf-8", "strict"))

    def rows(self):
        """The rows of a table by its last column, each a dict by title."""
        titles = self.lines[0].replace("IN USE", "IN_USE").split()
        table = self.lines[1 : self.lines.index("")] if "" in self.lines else self.lines[1:]
        rows = [dict(zip(titles, line.split(None, len(titles) - 1))) for line in table]
        return {row[titles[-1]]: row for row in rows}


class SegctlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A copy where any user may run it; the build folder may be out of their reach.
        cls.directory = tempfile.mkdtemp(prefix="segfs-test-segctl-")
        os.chmod(cls.directory, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.program = shutil.copy(os.environ["SEGCTL"], cls.directory)

    def setUp(self):
        self.prefix = f"/segfs-test-{os.getpid()}-"
        self.holders = []
        self.ids = []
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for holder in self.holders:
            self.release(holder)
        for name in os.listdir(b"/dev/shm"):
            if name.startswith(self.prefix[1:].encode()):
                os.unlink(b"/dev/shm/" + name)
        for shmid, row in sysv_table().items():
            if self.is_own_key(int(row["key"])) or shmid in self.ids:
                libc.shmctl(shmid, IPC_RMID, None)

    # -- running it

    def environment(self, **more):
        return {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm",
            **more,
        }

    def command(self, args, uid=None):
        as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
        return [*(as_user if uid else []), self.program, *args]

    def segctl(self, *args, status=0, uid=None, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        if "stdin" not in options:
            options.setdefault("input", b"")
        process = subprocess.run(
            self.command(args, uid),
            stderr=subprocess.PIPE,
            env=self.environment(**(env or {})),
            check=False,
            timeout=200,
            **options,
        )
        if process.stdout is None:
            process.stdout = b""
        result = Result(process)
        self.assertEqual(result.status, status, result.err)
        return result

    def on_terminal(self, *args, **env):
        """What it writes if stdout is a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(args), stdin=subprocess.DEVNULL, stdout=theirs, env=self.environment(**env)
        )
        os.close(theirs)
        text = read_terminal(ours)
        self.assertEqual(process.wait(), 0)
        return text

    # -- segments

    def ref(self, name):
        return self.prefix + name

    def path(self, name):
        return "/dev/shm" + self.ref(name)

    def make(self, name, size=4096, mode=0o600, data=b"", uid=0):
        """A POSIX segment, made without libseg. Returns its reference."""
        fd = os.open(self.path(name), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        os.fchown(fd, uid, uid)
        os.fchmod(fd, mode)
        os.ftruncate(fd, size)
        os.pwrite(fd, data, 0)
        os.close(fd)
        return self.ref(name)

    def key(self, n):
        return 0x5C << 24 | (os.getpid() & 0xFFFF) << 8 | n

    def is_own_key(self, key):
        return key & 0xFFFFFFFF in range(self.key(0), self.key(0) + 256)

    def sysv(self, n):
        return f"sysv:0x{self.key(n):08x}"

    def make_sysv(self, n, size=4096, mode=0o600):
        """A System V segment; n None: without a key. Returns its id."""
        flags = IPC_CREAT | IPC_EXCL | mode
        shmid = checked(libc.shmget(0 if n is None else self.key(n), size, flags))
        self.ids.append(shmid)
        return shmid

    def attach(self, shmid, flags=0):
        address = checked(libc.shmat(shmid, None, flags))
        self.addCleanup(libc.shmdt, address)
        return address

    # -- who holds them

    def hold(self, how, path):
        """A process of its own that uses a segment until release()."""
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(HOLDERS[how]), str(path), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.holders.append(holder)
        self.assertEqual(holder.stdout.readline(), b"ready\n")
        return holder

    def release(self, holder):
        if holder.poll() is None:
            holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()

    # -- a mount

    def mount(self):
        """A segfs mount, or a skip."""
        daemon = os.environ.get("SEGFS")
        if not daemon or not os.path.exists("/dev/fuse"):
            self.skipTest("no segfs daemon to mount with")
        directory = tempfile.mkdtemp(prefix="segfs-test-mount-")
        process = subprocess.run([daemon, "host", directory], stderr=subprocess.PIPE, check=False)
        if process.returncode:
            os.rmdir(directory)
            self.skipTest(process.stderr.decode().strip())
        self.addCleanup(self.unmount, directory)
        return directory

    def unmount(self, directory):
        for holder in self.holders:
            self.release(holder)
        subprocess.run(["umount", directory], check=True)
        os.rmdir(directory)

    def pass_events(self):
        """The daemon has dealt with all that happened to ephemeral segments so far."""
        for _ in range(3):  # one or two may fall to its sweep at the start
            self.segctl("create", "--ephemeral", self.ref("canary"), "4K")
            mapping(self.path("canary")).close()
            deadline = time.monotonic() + 60
            while self.exists(self.ref("canary")):
                self.assertLess(time.monotonic(), deadline, "the daemon does not react")

    # -- what is there

    def exists(self, ref):
        if ref.startswith("sysv:"):
            return any(int(row["key"]) & 0xFFFFFFFF == int(ref[5:], 0) for row in sysv_table().values())
        return os.path.exists("/dev/shm" + ref)

    def assertThere(self, *refs):
        self.assertEqual([ref for ref in refs if not self.exists(ref)], [], "these are gone")

    def assertGone(self, *refs):
        self.assertEqual([ref for ref in refs if self.exists(ref)], [], "these are still there")


def read_terminal(fd):
    """All that is written to the other end, until it is closed."""
    text = b""
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:  # EIO: closed
            chunk = b""
        if not chunk:
            os.close(fd)
            return text.decode(errors="surrogateescape").replace("\r\n", "\n")
        text += chunk


def mapping(path, prot=mmap.PROT_READ | mmap.PROT_WRITE):
    fd = os.open(path, os.O_RDWR if prot & mmap.PROT_WRITE else os.O_RDONLY)
    try:
        return mmap.mmap(fd, 0, prot=prot)
    finally:
        os.close(fd)


def main():
    if os.geteuid() != 0:
        print("skipped: needs root, to be several users")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
