// SPDX-License-Identifier: MIT
/* Compiled by types.test.js, never run. Lines after @ts-expect-error must not compile. */
import segfs = require('segfs');
import shmmap = require('segfs/shmmap');
import { createSharedBuffer, detachSharedBuffer } from 'segfs/shared-buffer';
import * as shm from 'segfs/shm-typed-array';
import { create, open, Mutex, type Segment, type SegmentStat } from 'segfs';

const segment: Segment = create('/x', 4096n, {
  mode: 0o600, exclusive: true, preallocate: true, ephemeral: true, populate: true,
  hugePages: true, offset: 8n, length: 16,
});
const shared: SharedArrayBuffer = open(Buffer.from('/x'), { sharedBuffer: true }).buffer;
const plain: ArrayBuffer = open('/x', { readOnly: true, private: false }).buffer;
const floats: Float64Array = segment.as(Float64Array, 8, 2);
const view: DataView = segment.as(DataView);
const bytes: Buffer = segment.as(Buffer, 1);
const bigs: BigInt64Array = open('/x', { sharedBuffer: true }).as(BigInt64Array);

async function wait(signal: AbortSignal): Promise<'ok' | 'not-equal' | 'timed-out'> {
  const woken: number = segment.notify(0, 1);
  const outcome = segment.wait(0, woken, 100);
  return outcome === 'ok' ? segment.waitAsync(1, 0, { timeout: 5, signal }) : outcome;
}

async function lock(): Promise<boolean> {
  const mutex = new Mutex(segment, 64 + Mutex.BYTES);
  if (mutex.tryLock() || mutex.lock(5) || await mutex.lockAsync({ timeout: 5 })) mutex.unlock();
  mutex[Symbol.dispose]();
  return mutex.held && mutex.ownerDied;
}

function look(stat: SegmentStat): number {
  return stat.kind === 'sysv' ? stat.nattch : stat.allocated;
}

segfs.resize('/x', 8192, { force: true });
segfs.destroy('/x', { ifUnused: true });
const pids: number[] = segfs.users('/x').users.map(({ pid }) => pid);
const used: boolean = segfs.inUse('/x');
const refs: string[] = segfs.gc({ pattern: '/job-*', dryRun: true }).map(({ ref }) => ref);
const named: Buffer[] = segfs.list('posix', { encoding: 'buffer' }).map(({ ref }) => ref);

const [key, data]: [string, Buffer] = shmmap.create(4096);
shmmap.transfer(shmmap.read(key, data.length));
const sharedAgain: SharedArrayBuffer = createSharedBuffer(5, 8, true, { sharedArrayBuffer: true });
detachSharedBuffer(createSharedBuffer(5, 8));
const doubles: Float64Array | null = shm.create(5, 'Float64Array', '/x', '600');
const keyOf: number | undefined = shm.get(5)?.key;

// @ts-expect-error: a size is needed
create('/x');
// @ts-expect-error: not a kind that can be listed
segfs.list('file');
// @ts-expect-error: not writable
segment.buffer = plain;
// @ts-expect-error: waits at 32-bit words
segment.wait(0, 5n);
// @ts-expect-error: no number
segfs.open('/x', { populate: 1 });
segment[Symbol.dispose]();

export { bigs, bytes, doubles, floats, keyOf, sharedAgain, lock, look, named, pids, refs, shared, used, view, wait };
