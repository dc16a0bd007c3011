// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { countMappings } = require('./support/observe');

after(destroyAll);

/** Runs fn(segfs, parentPort, ref) in a worker. */
function startWorker(fn, ref) {
  return new Worker(`
    const { parentPort, workerData } = require('node:worker_threads');
    (${fn})(require(workerData.module), parentPort, workerData.ref);
  `, { eval: true, workerData: { module: require.resolve('..'), ref } });
}

function endWorker(worker, how) {
  if (how === 'terminate') worker.terminate();
  else worker.postMessage('end');
}

for (const kind of kinds) {
  describe(`a ${kind} segment in worker threads`, () => {
    it('is the same memory in each of them', async () => {
      const ref = newRef(kind);
      const counter = new Int32Array(segfs.create(ref, 4096).buffer);
      const add = (segfs, port, ref) => {
        const counter = new Int32Array(segfs.open(ref).buffer);
        for (let i = 0; i < 100_000; i++) Atomics.add(counter, 0, 1);
      };

      await Promise.all([1, 2, 3, 4].map(() => once(startWorker(add, ref), 'exit')));
      assert.equal(counter[0], 400_000);
    });

    it('is unmapped when the worker ends, by itself or terminated', async () => {
      const ref = newRef(kind);
      segfs.create(ref, 4096).close();
      for (const end of ['message', 'terminate']) {
        const worker = startWorker((segfs, port, ref) => {
          globalThis.kept = Array.from({ length: 10 }, () => segfs.open(ref));
          kept[0].close();
          port.once('message', () => process.exit());
          port.postMessage('mapped');
        }, ref);
        const exited = once(worker, 'exit');

        await once(worker, 'message');
        assert.equal(countMappings(ref), 9);
        endWorker(worker, end);
        await exited;
        assert.equal(countMappings(ref), 0);
      }
    });

    it('outlives the worker that moved its buffer to another thread', async (t) => {
      if (!ArrayBuffer.prototype.transfer) return t.skip('needs ArrayBuffer.transfer()');
      const ref = newRef(kind);
      segfs.create(ref, 4096).close();
      for (const end of ['message', 'terminate']) {
        const worker = startWorker((segfs, port, ref) => {
          const moved = segfs.open(ref).buffer.transfer();
          port.once('message', () => process.exit());
          port.postMessage(moved, [moved]);
        }, ref);
        const exited = once(worker, 'exit');
        const [moved] = await once(worker, 'message');

        endWorker(worker, end);
        await exited;
        new Uint8Array(moved)[0] += 1;
      }
      assert.equal(new Uint8Array(segfs.open(ref).buffer)[0], 2);
    });
  });
}

it('can be loaded again in the same thread', () => {
  const ref = newRef('posix');
  const segment = segfs.create(ref, 4096);
  for (const file of Object.keys(require.cache)) {
    if (file.endsWith('segfs.node') || file === require.resolve('..')) delete require.cache[file];
  }
  const again = require('..');

  assert.notEqual(again, segfs);
  new Uint8Array(segment.buffer)[0] = 3;
  assert.equal(new Uint8Array(again.open(ref).buffer)[0], 3);
  segment.close();
});
