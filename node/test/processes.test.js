// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { startPeer } = require('./support/peer');

after(destroyAll);

for (const kind of kinds) {
  describe(`two processes and a ${kind} segment`, () => {
    it('see at once what the other wrote', async (t) => {
      const ref = newRef(kind);
      const view = new Uint8Array(segfs.create(ref, 8192).buffer);
      const peer = startPeer(t);

      view.set(Buffer.from('from the parent'), 5000);
      assert.equal(await peer.run((segfs, r) => {
        globalThis.view = new Uint8Array(segfs.open(r).buffer);
        return Buffer.from(globalThis.view.buffer, 5000, 15).toString();
      }, ref), 'from the parent');
      await peer.run(() => globalThis.view.set(Buffer.from('from the child'), 100));
      assert.equal(Buffer.from(view.buffer, 100, 14).toString(), 'from the child');
    });

    it('find what one created in the other, and lose what it destroyed', async (t) => {
      const ref = newRef(kind);
      const peer = startPeer(t);

      await peer.run((segfs, r) => { segfs.create(r, 12_345); }, ref);
      assert.equal(segfs.open(ref).size, 12_345);
      assert.ok(segfs.list(kind).some((entry) => entry.ref === ref));
      segfs.destroy(ref);
      await assert.rejects(peer.run((segfs, r) => { segfs.open(r); }, ref), { code: 'ENOENT' });
    });

    it('keep it when one of them is killed', async (t) => {
      const ref = newRef(kind);
      const peer = startPeer(t);

      await peer.run((segfs, r) => {
        globalThis.segment = segfs.create(r, 4096);
        new Uint8Array(globalThis.segment.buffer)[0] = 6;
      }, ref);
      await assert.rejects(peer.run(() => process.kill(process.pid, 'SIGKILL')), { signal: 'SIGKILL' });
      assert.equal(new Uint8Array(segfs.open(ref).buffer)[0], 6);
    });

    it('count in one word with Atomics', async (t) => {
      const ref = newRef(kind);
      const counter = new Int32Array(segfs.create(ref, 4096).buffer);
      const peer = startPeer(t);
      let [mine, running] = [0, true];
      const stop = () => { running = false; };
      const theirs = peer.run((segfs, r) => {
        const counter = new Int32Array(segfs.open(r).buffer);
        for (let i = 0; i < 1_000_000; i++) Atomics.add(counter, 0, 1);
      }, ref);

      theirs.then(stop, stop);
      for (; running; mine += 10_000) {
        for (let i = 0; i < 10_000; i++) Atomics.add(counter, 0, 1);
        await new Promise(setImmediate);
      }
      await theirs;
      assert.equal(counter[0], mine + 1_000_000);
    });

    it('create it exclusively only once', async (t) => {
      const ref = newRef(kind);
      const create = (segfs, r) => segfs.create(r, 4096, { exclusive: true }).size;
      const results = await Promise.allSettled(
        [startPeer(t), startPeer(t), startPeer(t)].map((peer) => peer.run(create, ref)));

      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const { reason } of results) assert.ok(!reason || reason.code === 'EEXIST');
    });
  });
}
