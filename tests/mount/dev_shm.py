#!/usr/bin/env python3
"""The mount, bound over /dev/shm after the daemon was started: what Python and the C
library do there without knowing. Run by with_mount."""
import ctypes
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import subprocess
import sys
import unittest

libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p
POSIX = os.environ["POINT"] + "/posix"


def bind_over_dev_shm():
    if libc.mount(POSIX.encode(), b"/dev/shm", None, 4096, None) < 0:  # MS_BIND
        raise OSError(ctypes.get_errno(), "mount")


def name_for(test):
    return f"segfs-test-{os.getpid()}-{test.id().rsplit('.')[-1]}"


def fill(name, byte):
    memory = multiprocessing.shared_memory.SharedMemory(name)
    memory.buf[:] = bytes([byte]) * memory.size
    memory.close()


def add_many(lock, value, count):
    for _ in range(count):
        with lock:
            value.value += 1


def pass_on(incoming, outgoing):
    while (item := incoming.get()) is not None:
        outgoing.put(item + 1)


class SharedMemory(unittest.TestCase):
    def test_dev_shm_is_the_mount(self):
        self.assertEqual(os.stat("/dev/shm").st_dev, os.stat(POSIX).st_dev)

    def test_a_block_is_shared_with_another_process(self):
        memory = multiprocessing.shared_memory.SharedMemory(name_for(self), True, 10000)
        try:
            process = multiprocessing.Process(target=fill, args=(memory.name, 7))
            process.start()
            process.join()
            self.assertEqual(process.exitcode, 0)
            self.assertEqual(bytes(memory.buf), b"\x07" * 10000)
            self.assertEqual(os.stat(f"{POSIX}/{memory.name}").st_size, 10000)
        finally:
            memory.close()
            memory.unlink()
        self.assertFalse(os.path.exists(f"{POSIX}/{memory.name}"))

    def test_a_block_exists_once(self):
        memory = multiprocessing.shared_memory.SharedMemory(name_for(self), True, 100)
        with self.assertRaises(FileExistsError):
            multiprocessing.shared_memory.SharedMemory(memory.name, True, 100)
        memory.close()
        memory.unlink()
        with self.assertRaises(FileNotFoundError):
            multiprocessing.shared_memory.SharedMemory(memory.name)

    def test_a_list_is_shared(self):
        values = multiprocessing.shared_memory.ShareableList([1, 2.5, "three", b"four", None])
        again = multiprocessing.shared_memory.ShareableList(name=values.shm.name)
        again[0] = 99
        self.assertEqual(values[0], 99)
        again.shm.close()
        values.shm.close()
        values.shm.unlink()


class Synchronization(unittest.TestCase):
    """A lock of multiprocessing is sem_open(), which makes a file and links it."""

    def test_a_lock_excludes(self):
        lock, value = multiprocessing.Lock(), multiprocessing.Value("i", 0, lock=False)
        processes = [
            multiprocessing.Process(target=add_many, args=(lock, value, 2000)) for _ in range(3)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        self.assertEqual(value.value, 6000)

    def test_a_queue_goes_through_a_process(self):
        there, back = multiprocessing.Queue(), multiprocessing.Queue()
        process = multiprocessing.Process(target=pass_on, args=(there, back))
        process.start()
        for i in range(200):
            there.put(i)
            self.assertEqual(back.get(timeout=30), i + 1)
        there.put(None)
        process.join()

    def test_a_named_semaphore_is_opened_by_its_name(self):
        name = b"/" + name_for(self).encode()
        flags = os.O_CREAT | os.O_EXCL
        one = libc.sem_open(name, flags, ctypes.c_uint(0o600), ctypes.c_uint(0))
        self.assertTrue(one)
        self.assertTrue(os.path.exists(f"{POSIX}/sem.{name[1:].decode()}"))
        self.assertFalse(libc.sem_open(name, flags, ctypes.c_uint(0o600), ctypes.c_uint(0)))
        waiter = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import ctypes, sys; libc = ctypes.CDLL(None);"
                "libc.sem_open.restype = ctypes.c_void_p;"
                "sys.exit(libc.sem_wait(ctypes.c_void_p(libc.sem_open(sys.argv[1].encode(), 0))))",
                name.decode(),
            ]
        )
        self.assertEqual(libc.sem_post(ctypes.c_void_p(one)), 0)
        self.assertEqual(waiter.wait(30), 0)
        self.assertEqual(libc.sem_unlink(name), 0)
        self.assertFalse(libc.sem_open(name, 0))
        self.assertEqual(libc.sem_close(ctypes.c_void_p(one)), 0)

    def test_no_temporary_is_left_of_semaphores(self):
        names = [entry for entry in os.listdir(POSIX) if entry.startswith("sem.")]
        self.assertEqual(names, [])


class ShmOpen(unittest.TestCase):
    def test_shm_open_and_unlink(self):
        name = b"/" + name_for(self).encode()
        fd = libc.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
        self.assertGreaterEqual(fd, 0)
        os.ftruncate(fd, 8192)
        os.posix_fallocate(fd, 0, 8192)
        with mmap.mmap(fd, 8192) as memory:
            memory[8191:8192] = b"x"
            with open("/dev/shm" + name.decode(), "rb") as file:
                self.assertEqual(file.read()[-1:], b"x")
        os.close(fd)
        self.assertEqual(libc.shm_unlink(name), 0)
        self.assertEqual(libc.shm_open(name, os.O_RDWR, 0), -1)
        self.assertEqual(ctypes.get_errno(), 2)


def main():
    bind_over_dev_shm()
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s)")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
