#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the tests of containers do inside: inside.py COMMAND [ARG...]

Exits with 0 where all was as it must be, else with a line of what was not.
"""
import ctypes
import errno
import mmap
import multiprocessing
import os
import signal
import stat
import sys
from multiprocessing import resource_tracker, shared_memory

PAGE = mmap.PAGESIZE


def expect(what, wanted, got):
    if got != wanted:
        sys.exit(f'{what}: {got!r} instead of {wanted!r}')


def attempt(call, *args, **kwargs):
    """The name of the errno that a call fails with, or None."""
    try:
        call(*args, **kwargs)
    except OSError as e:
        return errno.errorcode[e.errno]
    return None


def refused(what, allowed, call, *args, **kwargs):
    got = attempt(call, *args, **kwargs)
    if got not in allowed:
        sys.exit(f'{what}: {got or "no error"} instead of {" or ".join(allowed)}')


def mapping(path, write=False):
    fd = os.open(path, os.O_RDWR if write else os.O_RDONLY)
    try:
        return mmap.mmap(fd, 0, prot=mmap.PROT_READ | (mmap.PROT_WRITE if write else 0))
    finally:
        os.close(fd)


# -- to share -----------------------------------------------------------------


def map_write(path, text):
    """Writes text into an existing segment, through a mapping."""
    mapping(path, write=True)[:len(text)] = text.encode()


def map_read(path, text):
    expect(path, text.encode(), mapping(path)[:len(text)])


def create(path, size):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    os.ftruncate(fd, int(size))


def sysv_read(key, text):
    """Attaches it with shmat(), as the host's own programs do."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(libc.shmget(int(key, 0), 0, 0), None, 0o10000)
    if at == ctypes.c_void_p(-1).value:
        sys.exit(f'{key}: {os.strerror(ctypes.get_errno())}')
    expect(key, text.encode(), ctypes.string_at(at, len(text)))


def shm_create(name, text):
    """Python's own shared memory: what there is at /dev/shm."""
    shm = shared_memory.SharedMemory(name, create=True, size=PAGE)
    resource_tracker.unregister(shm._name, 'shared_memory')  # it is to stay
    shm.buf[:len(text)] = text.encode()
    shm.close()


def shm_read(name, text):
    shm = shared_memory.SharedMemory(name)
    expect(name, text.encode(), bytes(shm.buf[:len(text)]))
    shm.close()
    shm.unlink()


def count(lock, counter, times):
    for _ in range(times):
        with lock:
            counter.value += 1


def locks():
    """sem_open() behind locks, and arenas behind values and queues."""
    context = multiprocessing.get_context('spawn')
    lock, queue = context.Lock(), context.Queue()
    counter = context.Value('i', 0, lock=False)
    workers = [context.Process(target=count, args=(lock, counter, 500)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expect('the counter', 1000, counter.value)
    queue.put('x' * 100000)
    expect('the queue', 100000, len(queue.get()))
    queue.close()
    queue.join_thread()


# -- limits ---------------------------------------------------------------------


def meets_limit(directory, limit):
    limit, path = int(limit), os.path.join(directory, 'too-big')
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    expect('df', limit, os.statvfs(directory).f_blocks * os.statvfs(directory).f_frsize)
    refused('fallocate', ['ENOSPC'], os.posix_fallocate, fd, 0, limit + PAGE)
    expect('the size after', 0, os.fstat(fd).st_size)
    written = 0
    try:
        while written <= limit:
            written += os.write(fd, b'x' * PAGE)
    except OSError as e:
        expect('write', errno.ENOSPC, e.errno)
    os.unlink(path)
    os.close(fd)


def never_sigbus(directory, limit):
    """Where the mount preallocates."""
    limit, path = int(limit), os.path.join(directory, 'too-big')
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    refused('truncate', ['ENOSPC'], os.ftruncate, fd, limit + PAGE)
    os.ftruncate(fd, limit // 2)
    with mmap.mmap(fd, limit // 2) as m:
        for at in range(0, limit // 2, PAGE):
            m[at] = 1
    os.unlink(path)
    os.close(fd)


def sigbus(directory, limit):
    """Where it does not: documented, and so tested."""
    path = os.path.join(directory, 'sparse')
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, 2 * int(limit))
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        with mmap.mmap(fd, 0) as m:
            for at in range(0, len(m), PAGE):
                m[at] = 1
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    os.unlink(path)
    expect('the signal', signal.SIGBUS, os.WTERMSIG(status))


# -- what must not be ---------------------------------------------------------------


def cannot(path, wanted):
    expect(path, wanted, attempt(os.open, path, os.O_RDWR))


def read_only(directory, name):
    """A view through which nothing can be changed: all that changes fails."""
    path, other = os.path.join(directory, name), os.path.join(directory, 'other')
    no = ['EROFS', 'EACCES', 'EPERM']
    refused('open to write', no, os.open, path, os.O_RDWR)
    refused('truncate', no, os.truncate, path, 0)
    refused('create', no, os.open, other, os.O_CREAT | os.O_RDWR)
    refused('unlink', no, os.unlink, path)
    refused('rename', no, os.rename, path, other)
    refused('link', no, os.link, path, other)
    refused('chmod', no, os.chmod, path, 0o777)
    refused('setxattr', no, os.setxattr, path, 'user.x', b'y')
    refused('destroy', no, os.setxattr, path, 'user.segfs.destroy', b'if-unused')
    reopen_for_writing(path, no)


def reopen_for_writing(path, no):
    """/proc/self/fd is not a way around."""
    fd = os.open(path, os.O_RDONLY)
    refused('PROT_WRITE', no, mmap.mmap, fd, 0, prot=mmap.PROT_WRITE)
    refused('reopen', no, os.open, f'/proc/self/fd/{fd}', os.O_RDWR)
    path_fd = os.open(path, os.O_PATH)
    refused('reopen O_PATH', no, os.open, f'/proc/self/fd/{path_fd}', os.O_RDWR)
    refused('write', ['EBADF'], os.write, fd, b'x')
    refused('ftruncate', ['EBADF', 'EINVAL'], os.ftruncate, fd, 0)
    refused('fallocate', ['EBADF'], os.posix_fallocate, fd, 0, PAGE)


def escape(directory, outside):
    """Out of a namespace, or at a file of the host's: outside is its device and inode."""
    secret = tuple(int(n) for n in outside.split(':'))
    inside = os.stat(directory).st_dev
    mine = os.path.join(directory, 'mine')
    fd = os.open(mine, os.O_RDWR | os.O_CREAT, 0o600)

    refused('symlink', ['EPERM'], os.symlink, '/etc/passwd', os.path.join(directory, 'l'))
    for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        refused('mknod', ['EPERM'], os.mknod, os.path.join(directory, 'n'), kind | 0o666,
                os.makedev(1, 1))
    refused('mkdir', ['EPERM'], os.mkdir, os.path.join(directory, 'd'))
    refused('link in', ['EXDEV', 'EPERM'], os.link, '/proc/self/status',
            os.path.join(directory, 'l'))
    refused('link out', ['EXDEV'], os.link, mine, '/tmp/l')
    for name in ('posix', 'sysv', 'ro', '..\\x', '...', '%2e%2e', 'id-0', '0x00000000',
                 'a' * 255):
        refused(f'open {name}', ['ENOENT'], os.open, os.path.join(directory, name), os.O_RDONLY)
    refused('a long name', ['ENAMETOOLONG'], os.open, os.path.join(directory, 'a' * 256),
            os.O_RDONLY | os.O_CREAT)
    stay_below(directory, inside, secret)
    ask(fd)
    by_handle(fd, secret)
    os.close(fd)
    os.unlink(mine)


def stay_below(directory, inside, secret):
    """'..' leads into the container's own files, and fchdir() no further."""
    top = os.open(directory, os.O_RDONLY)
    up = os.stat('..', dir_fd=top)
    if up.st_dev == inside or (up.st_dev, up.st_ino) == secret:
        sys.exit("'..' is not the container's own directory")
    names = os.listdir(top)
    for name in names:
        st = os.stat(name, dir_fd=top, follow_symlinks=False)
        if not stat.S_ISREG(st.st_mode) or st.st_dev != inside:
            sys.exit(f'{name} is not a segment of this namespace')
        if (st.st_dev, st.st_ino) == secret:
            sys.exit(f'{name} is a file of the host')
    os.close(top)


def ask(fd):
    """An ioctl tells of its own file; any other is unknown."""
    import fcntl
    info = fcntl.ioctl(fd, 0x80505301, bytes(80))
    expect('its kind', 1, int.from_bytes(info[:4], 'little'))
    for request in (0x5302, 0x40505301, 0xc0505301, 0x80045301):
        refused(hex(request), ['ENOTTY', 'EINVAL'], fcntl.ioctl, fd, request, bytes(256))


def by_handle(fd, secret):
    """open_by_handle_at() with made-up handles of this mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in (1, 0x81, 0x82):
        for ino in (1, 2, secret[1], 1 << 62, 1 << 61):
            handle = (12).to_bytes(4, 'little') + kind.to_bytes(4, 'little') + \
                (ino >> 32).to_bytes(4, 'little') + (ino & 0xffffffff).to_bytes(4, 'little') + \
                bytes(8)
            got = libc.open_by_handle_at(fd, handle, os.O_RDWR)
            if got >= 0 and (os.fstat(got).st_dev, os.fstat(got).st_ino) == secret:
                sys.exit('a handle led to a file of the host')


COMMANDS = {
    'map-write': map_write, 'map-read': map_read, 'create': create, 'sysv-read': sysv_read,
    'shm-create': shm_create, 'shm-read': shm_read, 'locks': locks,
    'meets-limit': meets_limit, 'never-sigbus': never_sigbus, 'sigbus': sigbus,
    'cannot': cannot, 'read-only': read_only, 'escape': escape,
}

if __name__ == '__main__':
    COMMANDS[sys.argv[1]](*sys.argv[2:])
