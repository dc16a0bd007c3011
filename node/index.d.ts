// SPDX-License-Identifier: MIT
/// <reference types="node" />
/**
 * Shared memory segments, POSIX and System V: memory that several processes map.
 *
 * A segment's bytes are its own: no header stands in front of them, so programs in C,
 * Python and anything else see the same segment. Nothing here orders accesses of several
 * processes: use `Atomics` on an integer view for that.
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

/** Which part of a segment to map; all of it by default. */
export interface WindowOptions {
  /**
   * The byte of the segment where the buffer begins: a multiple of 8, so that each kind of
   * typed array can be laid over the buffer. It need not be a multiple of the page size.
   */
  offset?: number | bigint;
  /** Bytes, 1 or more; by default all that follows. */
  length?: number | bigint;
}

export interface CreateOptions extends WindowOptions {
  /** The nine permission bits, from which the umask is taken away. Default: `0o600`. */
  mode?: number;
  /** Fail with `EEXIST` if it is there already. Default: `false`. */
  exclusive?: boolean;
  /**
   * Allocate all the memory now, so that a full system is the error `ENOSPC` here, and not
   * a SIGBUS that kills the process when it first touches a page. Default: `false`.
   */
  preallocate?: boolean;
}

export interface OpenOptions extends WindowOptions {
  /**
   * Map for reading only, for which permission to read is enough. JavaScript has no
   * read-only ArrayBuffer: **a write to it kills the process** (SIGSEGV). Default: `false`.
   */
  readOnly?: boolean;
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
export interface Segment {
  /**
   * The memory itself. Two Segments have two buffers, of the same memory if they are of
   * the same segment. It counts in `process.memoryUsage().external`.
   *
   * To give it to a worker, post the reference and open it there: Node.js does not transfer
   * such a buffer (`postMessage` copies it on Node 20, and throws a `DataCloneError` later).
   */
  readonly buffer: ArrayBuffer;
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
   * end first: they run in other threads.
   */
  close(): void;
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
 * - `ENOSPC`: no memory left (`preallocate`), or a limit of System V is reached
 * - `ENOMEM`: no memory or address space left
 * - `ENOENT`: the directory of a file does not exist
 * - `ENAMETOOLONG`: a name of more than 255 bytes
 * - `EMFILE`: the process has too many open files
 * @throws RangeError `offset` and `length` do not fit into the segment, or the buffer would
 *   be longer than this version of Node.js takes (4 GiB for Node 20). Where `size` alone
 *   tells that, nothing has been created.
 */
export function create(ref: Reference, size: number | bigint, options?: CreateOptions): Segment;

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

/**
 * All segments of a kind, or of both, in no particular order. Those that come or go
 * meanwhile may or may not be listed.
 */
export function list(kind?: 'posix' | 'sysv', options?: { encoding?: 'utf8' }):
  (SegmentStat & { ref: string })[];
/** With the encoding `'buffer'`, for names that are not UTF-8: `ref` is a `Buffer`. */
export function list(kind: 'posix' | 'sysv' | undefined, options: { encoding: 'buffer' }):
  (SegmentStat & { ref: Buffer })[];

/**
 * Remove a segment's name. Those who have it mapped keep it; the memory goes with the last
 * of them.
 *
 * @throws SystemError `ENOENT`: there is no such segment; `EPERM`, `EACCES`: it is somebody
 *   else's; `EINVAL`, `ENAMETOOLONG` as in {@link open}
 */
export function destroy(ref: Reference): void;
