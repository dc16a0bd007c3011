// SPDX-License-Identifier: MIT
/// <reference types="node" />
/** The API of the package `shm-typed-array`, on segfs. */

export interface Types {
  Buffer: Buffer;
  Int8Array: Int8Array;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Int16Array: Int16Array;
  Uint16Array: Uint16Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
}

/** `key` is that of a System V segment. */
export type Shm<K extends keyof Types> = Types[K] & { key?: number };

/**
 * Create a segment.
 *
 * @param count of elements, at most {@link LengthMax}
 * @param key a number: of a System V segment, by default a new one; a string: the name of a
 *   POSIX object, whose bytes are the elements, without a header before them
 * @param perm octal digits, from which the umask is taken away; default: `'660'`
 * @returns `null`: it exists
 */
export function create<K extends keyof Types = 'Buffer'>(count: number, typeKey?: K,
  key?: number | string | null, perm?: string): Shm<K> | null;
/** Map a segment. @returns `null`: it does not exist */
export function get<K extends keyof Types = 'Buffer'>(key: number | string, typeKey?: K):
  Shm<K> | null;
/**
 * Unmap a segment: its arrays have no elements from then on. A System V segment that nobody
 * else has attached is destroyed.
 *
 * @returns 0: destroyed, 1: detached, -1: there is nothing of that key
 */
export function detach(key: number | string, forceDestroy?: boolean): number;
/** Unmap a segment, and take its name away. */
export function destroy(key: number | string): boolean;
/** Detach all; done at exit, too. @returns how many of them were destroyed */
export function detachAll(): number;
/** The bytes of all segments that are mapped. */
export function getTotalSize(): number;
/** The bytes of those that were created here. */
export function getTotalCreatedSize(): number;
/** 2^31 elements. */
export const LengthMax: number;
export const BufferType: { [K in keyof Types]: number };
