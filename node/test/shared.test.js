// SPDX-License-Identifier: MIT
/* SharedArrayBuffers over segments. */
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { countMappings } = require('./support/observe');
const { startPeer } = require('./support/peer');

after(destroyAll);

const KiB64 = 64 << 10;

/** Whether this Node.js makes them of any length; older ones have a way around. */
const isNative = (() => {
  const ref = newRef('posix');
  try {
    segfs.create(ref, 8, { sharedBuffer: true }).close();
    return true;
  } catch (error) {
    assert.equal(error.code, 'ERR_SHARED_BUFFER_UNAVAILABLE');
    return false;
  }
})();

for (const kind of kinds) {
  describe(`a SharedArrayBuffer of a ${kind} segment`, () => {
    const make = (options) => {
      const ref = newRef(kind);
      return { ref, segment: segfs.create(ref, 2 * KiB64, { sharedBuffer: true, ...options }) };
    };

    it('is one, and the memory of the segment', async (t) => {
      const { ref, segment } = make({ populate: true });
      assert.ok(segment.buffer instanceof SharedArrayBuffer);
      assert.equal(segment.buffer.byteLength, 2 * KiB64);
      const peer = startPeer(t);
      const add = (segfs, r) => Atomics.add(segfs.open(r).as(Int32Array), 5, 2);

      segment.as(Int32Array)[5] = 40;
      assert.equal(await peer.run(add, ref), 40);
      assert.equal(Atomics.load(segment.as(Int32Array), 5), 42);
      segment.as(Uint8Array)[2 * KiB64 - 1] = 7;
      assert.equal(segfs.open(ref).as(Uint8Array)[2 * KiB64 - 1], 7);
    });

    it('is posted to a worker, which keeps it after close() here and GC', async () => {
      const { ref, segment } = make();
      const worker = new Worker(`
        const { parentPort, workerData } = require('node:worker_threads');
        const words = new Int32Array(workerData);
        Atomics.wait(words, 0, 0);
        words[1] = 6;
        parentPort.postMessage(words[0]);
        parentPort.once('message', () => { words[1] = 9; process.exit(); });
      `, { eval: true, workerData: segment.buffer });
      const words = segment.as(Int32Array);

      Atomics.store(words, 0, 5);
      Atomics.notify(words, 0);
      assert.deepEqual(await once(worker, 'message'), [5]);
      assert.equal(words[1], 6);
      segment.close();
      worker.postMessage('go on');
      await once(worker, 'exit');
      assert.equal(segfs.open(ref).as(Int32Array)[1], 6);
      assert.equal(words[1], 9); // of this process alone by then
    });

    it('waits and locks like any other', async (t) => {
      const { ref, segment } = make();
      const peer = startPeer(t);
      const waiting = peer.run((segfs, r) => segfs.open(r, { sharedBuffer: true }).wait(0, 0), ref);
      while (segment.notify(0) === 0) await new Promise(setImmediate);
      assert.equal(await waiting, 'ok');
      const mutex = new segfs.Mutex(segment, 64);
      mutex.lock();
      assert.equal(await peer.run((segfs, r) => new segfs.Mutex(segfs.open(r), 64).tryLock(), ref), false);
      mutex.unlock();
    });

    it('is unmapped at once by close()', () => {
      const { ref, segment } = make();
      const words = segment.as(Int32Array);
      words[0] = 1;
      segment.close();
      segment.close();
      assert.equal(countMappings(ref), 0);
      assert.equal(words[0], 0);
      words[0] = 2;
      assert.equal(segfs.open(ref).as(Int32Array)[0], 1);
    });

    it('is unmapped by garbage collection', async (t) => {
      const { ref } = make();
      const peer = startPeer(t, { flags: ['--expose-gc'] });
      assert.ok(await peer.run((segfs, r) => {
        for (let i = 0; i < 5; i++) segfs.open(r, { sharedBuffer: true }).as(Uint8Array)[0]++;
        return observe.collectUntil(() => observe.countMappings(r) === 0);
      }, ref));
    });

    it('shows a window', () => {
      const { ref, segment } = make();
      segment.as(Uint8Array)[KiB64 + 1] = 3;
      const window = segfs.open(ref, { offset: KiB64, length: KiB64, sharedBuffer: true });
      assert.deepEqual([window.buffer.byteLength, window.as(Uint8Array)[1]], [KiB64, 3]);
      window.close();
    });
  });
}

it('of any window, or a clear error', () => {
  const ref = newRef('posix');
  segfs.create(ref, 10_000).as(Uint8Array)[4105] = 8;
  const open = () => segfs.open(ref, { sharedBuffer: true, offset: 4104, length: 99 });
  if (isNative) {
    assert.deepEqual([open().buffer.byteLength, open().as(Uint8Array)[1]], [99, 8]);
  } else {
    assert.throws(open, { name: 'RangeError', code: 'ERR_SHARED_BUFFER_UNAVAILABLE', message: /65536/ });
    const missing = newRef('posix');
    assert.throws(() => segfs.create(missing, 100, { sharedBuffer: true }), RangeError);
    assert.throws(() => segfs.stat(missing), { code: 'ENOENT' });
  }
});
