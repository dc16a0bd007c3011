// SPDX-License-Identifier: MIT
/// <reference types="node" />
/**
 * Shared memory segments, POSIX and System V: memory that several processes map.
 *
 * A segment's bytes are its own: no header stands in front of them, so programs in C,
 * Python and anything else see the same segment. To order accesses of several processes, use
 * `Atomics` on an integer view, {@link Segment.wait} and {@link Mutex}.
 *
 * **Errors.** Arguments are checked first: a `TypeError` with the code
 * `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE`, or a `RangeError` with the code
 * `ERR_OUT_OF_RANGE`. What the system refuses is a {@link SystemError}.
 */

/**
 * How a segment is named:
 *
 * - `/frames` or `frames`: a POSIX object, as in shm_open(3)
 * - `sysv:0x400` or `sysv:1024`: a System V segment by its key
 * - `sysv:id:65538`: a System V segment by its shmid
 * - `sysv:0`: for {@link create} only, a new segment without a key (IPC_PRIVATE)
 * - anything with a `/` after its first byte (`/run/seg/posix/frames`, `./frames`): a
 *   file, on a segfs mount or anywhere else
 *
 * Names are bytes: a `Buffer` holds those that are not UTF-8.
 */
export type Reference = string | Uint8Array;

export type Kind = 'posix' | 'sysv' | 'file';

/** Like the errors of `node:fs`. */
export interface SystemError extends Error {
  /** `'ENOENT'` and so on; see each function. */
  code: string;
  /** The negative number of it. */
  errno: number;
  /** The name of the function that failed: `'open'`, `'create'`, ... */
  syscall: string;
  /** The reference, where there is one. */
  path?: string;
}

/** Which part of a segment to map, all of it by default, and how. */
export interface MapOptions {
  /**
   * The byte of the segment where the buffer begins: a multiple of 8, so that each kind of
   * typed array can be laid over the buffer. It need not be a multiple of the page size.
   */
  offset?: number | bigint;
  /** Bytes, 1 or more; by default all that follows. */
  length?: number | bigint;
  /**
   * Make every page present now, instead of one by one at the first touch, which is much
   * slower; `ENOSPC` where there is no memory. Linux 5.14. Default: `false`.
   */
  populate?: boolean;
  /**
   * Ask for pages of 2 MiB: a wish, which the kernel grants where the tmpfs is mounted with
   * `huge=advise` or more, and for System V where
   * /sys/kernel/mm/transparent_hugepage/shmem_enabled says so. Default: `false`.
   */
  hugePages?: boolean;
  /**
   * `buffer` is a SharedArrayBuffer: it can be posted to workers, and `Atomics.wait()`
   * takes it (among the threads of one process; for others there is {@link Segment.wait}).
   * Node 22.23.3, 24.16 and 26.1 can have any; older ones only where `offset` and the
   * length are multiples of 64 KiB, up to 4 GiB: else a `RangeError` with the code
   * `ERR_SHARED_BUFFER_UNAVAILABLE`. Default: `false`.
   */
  sharedBuffer?: boolean;
}

export interface CreateOptions extends MapOptions {
  /** The nine permission bits, from which the umask is taken away. Default: `0o600`. */
  mode?: number;
  /** Fail with `EEXIST` if it is there already. Default: `false`. */
  exclusive?: boolean;
  /**
   * Allocate all the memory now, so that a full system is the error `ENOSPC` here, and not
   * a SIGBUS that kills the process when it first touches a page. Default: `false`.
   */
  preallocate?: boolean;
  /**
   * Destroyed when its last user is gone: by this process, when it closes it or exits; after
   * that by the daemon of a mount that shows it, or {@link gc}. Signals are not caught: a
   * process that is killed leaves it to these, and so does one that exits with a
   * {@link Mutex} in it held. Its mode has the sticky bit, which is part of the mark. Not for
   * System V (`EOPNOTSUPP`). Default: `false`.
   */
  ephemeral?: boolean;
}

export interface OpenOptions extends MapOptions {
  /**
   * Map for reading only, for which permission to read is enough. JavaScript has no
   * read-only ArrayBuffer: **a write to it kills the process** (SIGSEGV). `private` is the
   * safe way. Default: `false`.
   */
  readOnly?: boolean;
  /**
   * Copy-on-write: what is written to the buffer stays in it, and nobody else sees it.
   * Permission to read is enough. Not for System V (`EOPNOTSUPP`), nor together
   * with `readOnly`. Default: `false`.
   */
  private?: boolean;
}

/**
 * A mapped segment, or a part of one.
 *
 * It stays mapped until `close()`, or until nothing refers to `buffer` or to a view of it
 * any more and it is garbage collected; the Segment itself need not be kept. Collection
 * takes effect in a later turn of the event loop, and a process has some 65,000 mappings
 * at most: a loop that opens many closes them.
 *
 * If another program makes the segment smaller, touching what was cut off kills the
 * process (SIGBUS).
 */
export interface Segment<B extends ArrayBuffer | SharedArrayBuffer = ArrayBuffer> {
  /**
   * The memory itself. Two Segments have two buffers, of the same memory if they are of
   * the same segment. It counts in `process.memoryUsage().external`.
   *
   * To give it to a worker, post the reference and open it there: Node.js does not transfer
   * such a buffer (`postMessage` copies it on Node 20, and throws a `DataCloneError` later).
   */
  readonly buffer: B;
  /** The size in bytes of the whole segment when it was mapped. */
  readonly size: number;
  readonly kind: Kind;
  /** The reference in its canonical form, such as `'sysv:0x00000400'`. */
  readonly ref: string;
  /**
   * Unmap now. The buffer is detached: its length is 0 from then on, and so is that of
   * each view of it. The segment stays, for others and for the next `open()`. Calling it
   * again does nothing, nor does it do anything to a buffer that was moved away with
   * `ArrayBuffer.prototype.transfer()`: that is unmapped when it is garbage collected.
   *
   * Let asynchronous operations on views of the buffer (`fs.read()`, `zlib.deflate()`)
   * end first: they run in other threads. Pending `waitAsync()` and `lockAsync()` reject
   * (`ERR_INVALID_STATE`).
   *
   * A SharedArrayBuffer can't be detached: it becomes memory of this process alone, zeroed.
   */
  close(): void;
  /** `close()`, for `using` (where the runtime has it). */
  [Symbol.dispose](): void;

  /**
   * A view of the buffer, such as `segment.as(Float64Array)`, `segment.as(DataView)` or
   * `segment.as(Buffer)`.
   *
   * @param byteOffset default: 0
   * @param length in elements (DataView, Buffer: bytes); default: as many whole ones as fit
   */
  as<V>(type: ViewType<V, B>, byteOffset?: number, length?: number): V;

  /**
   * Wait until another process (or thread) calls {@link Segment.notify} for a word, as
   * `Atomics.wait()` does: it sleeps only if the word is `expected`, checked in one step
   * with going to sleep. The word is a futex, so it also meets C programs (`seg_wait()`,
   * `futex(2)`). The thread, and its event loop, are blocked.
   *
   * @param index of the word: `new Int32Array(segment.buffer)[index]`
   * @param timeout in milliseconds; default: no end
   * @returns `'ok'`: woken, which does not say that the word has changed: look, and wait
   *   again
   */
  wait(index: number, expected: number, timeout?: number): WaitResult;
  /**
   * The same without blocking: it waits in a thread of its own. The process does not end
   * meanwhile.
   */
  waitAsync(index: number, expected: number, options?: WaitOptions): Promise<WaitResult>;
  /**
   * Wake those who wait at a word, in whatever process. Change the word first.
   *
   * @param count how many at most; default: all
   * @returns how many there were
   */
  notify(index: number, count?: number): number;
}

export type ViewType<V, B extends ArrayBuffer | SharedArrayBuffer> =
  | (new (buffer: B, byteOffset?: number, length?: number) => V)
  | (V extends Buffer ? typeof Buffer : never);

export type WaitResult = 'ok' | 'not-equal' | 'timed-out';

export interface WaitOptions {
  /** In milliseconds; default: no end. */
  timeout?: number;
  /** Ends the wait: the promise rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/**
 * A lock in a segment, for whoever maps it, through a mount or not.
 *
 * It is a `pthread_mutex_t` with the attributes `PTHREAD_PROCESS_SHARED` and
 * `PTHREAD_MUTEX_ROBUST` (type `PTHREAD_MUTEX_ERRORCHECK` or the default one), so C programs
 * can lock it, too: all must use the same C library and architecture. It takes
 * {@link Mutex.BYTES} bytes (glibc on x86-64: 40), at a multiple of 8. Give it a cache line
 * of its own, 64 bytes.
 *
 * Zeroed memory, as that of a new segment, is a free mutex from the first `new Mutex()`
 * on, however many processes do that at once.
 *
 * An object locks once; two objects of one mutex exclude each other. `lock()` on a mutex
 * that this thread holds by another object is the error `EDEADLK`.
 */
export class Mutex {
  /**
   * @throws SystemError `EINVAL`: what is there is no such mutex
   */
  constructor(segment: Segment<ArrayBuffer | SharedArrayBuffer>, byteOffset?: number);
  /** How many bytes it takes. */
  static readonly BYTES: number;
  /** Held by this object. */
  readonly held: boolean;
  /**
   * Held, and the one who held it before has died with it (or the thread ended): what it
   * guards may be half-done. Nobody is told again.
   */
  readonly ownerDied: boolean;
  /**
   * Blocks the thread until it is free.
   *
   * @param timeout in milliseconds; default: no end
   * @returns `false`: not within the timeout
   * @throws SystemError `EDEADLK`; `ENOTRECOVERABLE`: a C program has given it up
   */
  lock(timeout?: number): boolean;
  /** `false`: it is not free. */
  tryLock(): boolean;
  /** The same as `lock()` without blocking: it waits in a thread of its own. */
  lockAsync(options?: WaitOptions): Promise<boolean>;
  /** @throws Error `ERR_INVALID_STATE`: it is not held by this object */
  unlock(): void;
  /** `unlock()`, if it is held; for `using` (where the runtime has it). */
  [Symbol.dispose](): void;
}

interface CommonStat {
  /**
   * Bytes. Like all numbers here it is exact below 2^53; a larger (sparse) segment has a
   * rounded one.
   */
  size: number;
  /** Bytes of memory that are really in use for it. */
  allocated: number;
  /** The nine permission bits, and setuid, setgid and sticky. */
  mode: number;
  /** Number of names; System V: 1, or 0 once removed. */
  nlink: number;
  uid: number;
  gid: number;
  dev: number;
  /** The inode number; System V: the shmid. */
  ino: number;
  /** System V: the last attach. */
  atimeMs: number;
  /** System V: the last detach. */
  mtimeMs: number;
  /** The last change of owner, mode or, except for System V, contents. */
  ctimeMs: number;
  atime: Date;
  mtime: Date;
  ctime: Date;
}

export interface FileStat extends CommonStat {
  kind: 'posix' | 'file';
}

export interface SysvStat extends CommonStat {
  kind: 'sysv';
  shmid: number;
  /** 0 is IPC_PRIVATE. */
  key: number;
  /** Number of attaches, in all processes. */
  nattch: number;
  /** The creator's user and group. */
  cuid: number;
  cgid: number;
  /** The process that created it, and the last one to attach or detach. */
  cpid: number;
  lpid: number;
  /** Destroyed, but still attached somewhere. */
  removed: boolean;
}

export type SegmentStat = FileStat | SysvStat;

/** {@link create} with `sharedBuffer`. */
export function create(ref: Reference, size: number | bigint,
  options: CreateOptions & { sharedBuffer: true }): Segment<SharedArrayBuffer>;
/**
 * Create a segment and map it; without `exclusive`, an existing one is opened as it is:
 * its contents are never cleared, nor its size changed.
 *
 * @param size in bytes, 1 or more. An existing segment may be larger: `buffer` is then all
 *   of it, unless there is an `offset` or a `length`.
 * @throws SystemError
 * - `EEXIST`: it exists (`exclusive`), or the name belongs to something else
 * - `EINVAL`: it exists and is smaller than `size`; or the reference is malformed
 * - `EACCES`: no permission on the existing segment, or to create a file there
 * - `ENOSPC`: no memory left (`preallocate`, `populate`), or a limit of System V is reached
 * - `EOPNOTSUPP`: `ephemeral` for System V, or where files have no user attributes
 * - `ENOMEM`: no memory or address space left
 * - `ENOENT`: the directory of a file does not exist
 * - `ENAMETOOLONG`: a name of more than 255 bytes
 * - `EMFILE`: the process has too many open files
 * @throws RangeError `offset` and `length` do not fit into the segment, or the buffer would
 *   be longer than this version of Node.js takes (4 GiB for Node 20). Where `size` alone
 *   tells that, nothing has been created.
 */
export function create(ref: Reference, size: number | bigint, options?: CreateOptions): Segment;

/** {@link open} with `sharedBuffer`. */
export function open(ref: Reference, options: OpenOptions & { sharedBuffer: true }):
  Segment<SharedArrayBuffer>;
/**
 * Map an existing segment.
 *
 * @throws SystemError
 * - `ENOENT`: there is no such segment, or what has the name is none
 * - `EINVAL`: the segment is empty; the path names no regular file; or the reference is
 *   malformed
 * - `EACCES`: no permission; to read is enough with `readOnly`
 * - `EAGAIN`: somebody holds a lease on the file
 * - `ENODEV`: a file that its file system can't map
 * - `EOPNOTSUPP`: `private` for System V; `populate` before Linux 5.14
 * - `ENOMEM`, `ENAMETOOLONG`, `EMFILE`: as in {@link create}
 * @throws RangeError as in {@link create}
 */
export function open(ref: Reference, options?: OpenOptions): Segment;

/**
 * What the system says of a segment. Does not open it, needs no permission on it.
 *
 * @throws SystemError `ENOENT`, `EINVAL`, `ENAMETOOLONG` as in {@link open}; `EACCES`: a
 *   directory on the way to a file
 */
export function stat(ref: Reference): SegmentStat;

export interface ListOptions {
  /**
   * Those in a directory instead: a namespace that is mounted there, also where nothing else
   * is to be seen, as in a container. Their references are paths, and their kind is `'file'`.
   */
  directory?: string | Uint8Array;
  /** `'buffer'`, for names that are not UTF-8: `ref` is a `Buffer`. */
  encoding?: 'utf8' | 'buffer';
}

/**
 * All segments of a kind, or of both, in no particular order. Those that come or go
 * meanwhile may or may not be listed.
 *
 * @param kind not with a `directory`
 * @throws SystemError `ENOENT`, `ENOTDIR`, `EACCES`: the `directory` can't be read
 */
export function list(kind?: 'posix' | 'sysv', options?: ListOptions & { encoding?: 'utf8' }):
  (SegmentStat & { ref: string })[];
export function list(
  kind: 'posix' | 'sysv' | undefined, options: ListOptions & { encoding: 'buffer' }):
  (SegmentStat & { ref: Buffer })[];

/**
 * Set the length of a segment; new bytes are zero. What is mapped already stays as long as
 * it is: `open()` again to map what has come.
 *
 * Touching bytes that have been cut off kills a process (SIGBUS). So a smaller size is refused
 * while anyone maps the segment, this process included; `force` insists.
 *
 * @throws SystemError `EBUSY`: see above, nothing is cut; `EOPNOTSUPP`: System V, whose size
 *   is fixed; `ENOENT`, `EACCES`, `EFBIG`
 */
export function resize(ref: Reference, size: number | bigint, options?: { force?: boolean }): void;

/**
 * Remove a segment's name. Those who have it mapped keep it; the memory goes with the last
 * of them.
 *
 * @param options.ifUnused only if nobody uses it, in one step with the question; this process
 *   counts, but for its attaches of System V
 * @throws SystemError `ENOENT`: there is no such segment; `EPERM`, `EACCES`: it is somebody
 *   else's; `EBUSY`: it is in use (`ifUnused`), nothing has changed; `EINVAL`, `ENAMETOOLONG`
 *   as in {@link open}
 */
export function destroy(ref: Reference, options?: { ifUnused?: boolean }): void;

/**
 * Whether anybody has the segment open or mapped, in whatever container: the kernel's own
 * answer. This process counts, but for its attaches of System V.
 *
 * @throws SystemError `EPERM`: it is somebody else's, or (System V) it takes a capability;
 *   `ENOENT`
 */
export function inUse(ref: Reference): boolean;

export interface User {
  pid: number;
  uid: number;
  /** As in `ps -o comm`. */
  command: string;
  open: boolean;
  mapped: boolean;
  /** System V. */
  attached: boolean;
  /** One of these on the segment itself. */
  direct: boolean;
  /** One of these through a segfs mount. */
  mount: boolean;
}

/**
 * Which processes use a segment, this one included: from /proc, for people to read. To
 * decide by, there is {@link inUse}.
 *
 * @returns `complete`: whether every process could be looked at
 */
export function users(ref: Reference): { users: User[], complete: boolean };

/** Which segments {@link gc} may destroy: those that fit each of these. One is needed. */
export interface GcOptions {
  /** Not with a `directory`. */
  kind?: 'posix' | 'sysv';
  /** Where, instead of the whole machine: a directory on a mount of segfs's. No filter. */
  directory?: string | Uint8Array;
  /** Of the reference, as in the shell: `'/job-*'`; in a directory, of a slash and the name. */
  pattern?: string | Uint8Array;
  /** The owner. */
  uid?: number;
  /**
   * Milliseconds since the kernel last noted a use: a read, a write or a change of attributes
   * (not through a mapping); System V: attach, detach or change. Counted in whole seconds.
   */
  unusedFor?: number;
  /** Only those that were created as ephemeral. */
  ephemeral?: boolean;
  /** Destroy nothing, and tell what would be. */
  dryRun?: boolean;
  /** Whatever nobody uses. */
  all?: boolean;
}

/**
 * Destroy the segments that nobody uses, and never one that somebody does.
 *
 * @returns those that were destroyed (or would be), and, with an `error`, those that
 *   nobody uses and that could not be
 * @throws SystemError `EOPNOTSUPP`: the `directory` is neither `/dev/shm` nor on a mount of
 *   segfs's; `ENOENT`, `ENOTDIR`, `EACCES`: it can't be read
 */
export function gc(options: GcOptions): (SegmentStat & { ref: string, error?: SystemError })[];
