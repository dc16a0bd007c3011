// SPDX-License-Identifier: MIT
/// <reference types="node" />
/** The API of the package `shmmap`, on segfs. */

/**
 * Create a segment.
 *
 * @returns its key (`/lw` and digits), for other processes, and its memory
 */
export function create(byteLength: number): [key: string, data: Buffer];
/**
 * Open a segment for reading. What is written to the Buffer nobody else sees.
 *
 * @throws RangeError `byteLength` is more than the segment has
 */
export function read(key: string, byteLength: number): Buffer;
/** Open a segment for reading and writing. */
export function read_write(key: string, byteLength: number): Buffer;
/**
 * Let go of a segment. The process that created it takes its name away; an unknown key is
 * fine. At exit all are released. A Buffer keeps its memory until it is collected.
 */
export function release(key: string): void;
/** Does nothing: what is in shared memory needs no writing back. */
export function transfer(buffer: Buffer): void;
