// SPDX-License-Identifier: MIT
/** The API of the package `shared-buffer`, on segfs. */

/**
 * @param key of a System V segment: any integer of 32 bits but 0
 * @param size in bytes
 * @param initialize `true`: create it (mode 0600), or take the one that is there, and zero
 *   it; `false`: take the one that is there
 * @throws RangeError the segment is smaller than `size`
 */
export function createSharedBuffer(key: number, size: number, initialize?: boolean,
  options?: { sharedArrayBuffer?: false }): ArrayBuffer;
/** With `sharedArrayBuffer`: what version 1.4.0 returns. See `sharedBuffer` of segfs. */
export function createSharedBuffer(key: number, size: number, initialize: boolean | undefined,
  options: { sharedArrayBuffer: true }): SharedArrayBuffer;
/** Unmap it; an ArrayBuffer is detached. Again, or of any other buffer, it does nothing. */
export function detachSharedBuffer(buffer: ArrayBuffer | SharedArrayBuffer): void;
