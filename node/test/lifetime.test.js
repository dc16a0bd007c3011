// SPDX-License-Identifier: MIT
/* How long memory stays mapped, and what becomes of those who still refer to it. */
'use strict';

const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { countDescriptors, countMappings } = require('./support/observe');
const { startPeer } = require('./support/peer');

after(destroyAll);

function transfers() {
  return typeof ArrayBuffer.prototype.transfer === 'function';
}

for (const kind of kinds) {
  describe(`close() of a ${kind} segment`, () => {
    it('unmaps at once, and leaves empty views', () => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 8192);
      const views = [new Int32Array(segment.buffer), new Float64Array(segment.buffer, 4096, 8)];
      const dataView = new DataView(segment.buffer);

      assert.equal(countMappings(ref), 1);
      segment.close();
      assert.equal(countMappings(ref), 0);
      assert.equal(segment.buffer.byteLength, 0);
      for (const view of views) {
        assert.equal(view.length, 0);
        view[0] = 1;
        assert.equal(view[0], undefined);
      }
      assert.throws(() => dataView.getInt8(0), TypeError);
      assert.throws(() => Atomics.load(views[0], 0), TypeError);
    });

    it('may be called again', () => {
      const segment = segfs.create(newRef(kind), 4096);
      segment.close();
      segment.close();
      assert.equal(segment.size, 4096);
    });

    it('leaves another mapping of it alone', () => {
      const ref = newRef(kind);
      const [first, second] = [segfs.create(ref, 4096), segfs.open(ref)];

      assert.equal(countMappings(ref), 2);
      first.close();
      assert.equal(countMappings(ref), 1);
      new Uint8Array(second.buffer).fill(1);
    });

    it('keeps up with a loop of 100,000', () => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20).close();
      const rss = process.memoryUsage().rss;

      for (let i = 0; i < 100_000; i++) segfs.create(ref, 4096).close();
      assert.equal(countMappings(ref), 0);
      assert.ok(process.memoryUsage().rss - rss < 256 << 20);
    });

    it('leaves a buffer alone that was transferred', (t) => {
      if (!transfers()) return t.skip(`Node ${process.version} has no ArrayBuffer.transfer()`);
      const ref = newRef(kind);
      const segment = segfs.create(ref, 4096);
      const moved = segment.buffer.transfer();

      assert.equal(segment.buffer.byteLength, 0);
      segment.close();
      new Uint8Array(moved)[0] = 7;
      assert.equal(new Uint8Array(segfs.open(ref).buffer)[0], 7);
    });
  });

  describe(`a ${kind} segment that nobody refers to`, () => {
    it('is unmapped by garbage collection', async (t) => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20).close();
      const peer = startPeer(t, { flags: ['--expose-gc'] });

      assert.equal(await peer.run((segfs, r) => {
        for (let i = 0; i < 10; i++) new Uint8Array(segfs.open(r).buffer)[0]++;
        return new Uint8Array(segfs.open(r).buffer)[0];
      }, ref), 10);
      assert.ok(await peer.run((s, r) => observe.collectUntil(() => observe.countMappings(r) === 0), ref));
    });

    it('stays mapped for a view of it', async (t) => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20).close();
      const peer = startPeer(t, { flags: ['--expose-gc'] });

      assert.ok(await peer.run(async (segfs, r) => {
        let dropped = false;
        const registry = new FinalizationRegistry(() => { dropped = true; });
        globalThis.view = (() => {
          const segment = segfs.open(r);
          registry.register(segment);
          return new Uint8Array(segment.buffer, 4096);
        })();
        return observe.collectUntil(() => dropped);
      }, ref));
      assert.equal(await peer.run((segfs, r) => {
        globalThis.view[0] = 5;
        return observe.countMappings(r);
      }, ref), 1);
      assert.equal(new Uint8Array(segfs.open(ref).buffer)[4096], 5);
    });

    it('is unmapped where its transferred buffer ends', async (t) => {
      if (!transfers()) return t.skip(`Node ${process.version} has no ArrayBuffer.transfer()`);
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20).close();
      const peer = startPeer(t, { flags: ['--expose-gc'] });

      assert.equal(await peer.run((segfs, r) => {
        globalThis.segment = segfs.open(r);
        globalThis.moved = globalThis.segment.buffer.transfer();
        globalThis.segment.close();
        return observe.countMappings(r);
      }, ref), 1);
      assert.ok(await peer.run((segfs, r) => {
        delete globalThis.moved;
        return observe.collectUntil(() => observe.countMappings(r) === 0);
      }, ref));
    });
  });

  it(`keeps no descriptor of a ${kind} segment, be it open, closed or refused`, () => {
    const ref = newRef(kind);
    const before = countDescriptors();
    const open = [segfs.create(ref, 4096), segfs.open(ref), segfs.open(ref, { readOnly: true })];

    assert.equal(countDescriptors(), before);
    assert.throws(() => segfs.open(ref, { offset: 4096 }), RangeError);
    assert.throws(() => segfs.create(ref, 8192), { code: 'EINVAL' });
    segfs.stat(ref);
    segfs.list();
    open.forEach((segment) => segment.close());
    segfs.destroy(ref);
    assert.equal(countDescriptors(), before);
  });

  it(`exits cleanly with ${kind} segments open`, async (t) => {
    const ref = newRef(kind);
    segfs.create(ref, 4096).close();
    for (const status of [0, 3]) {
      const peer = startPeer(t);
      await peer.run((segfs, r, status) => {
        globalThis.kept = [segfs.open(r), segfs.open(r, { readOnly: true })];
        segfs.open(r);
        process.on('disconnect', () => process.exit(status));
      }, ref, status);
      assert.deepEqual(await peer.stop(), [status, null]);
    }
  });

  it(`kills only the process that writes to a read-only ${kind} mapping`, async (t) => {
    const ref = newRef(kind);
    segfs.create(ref, 4096).close();
    const peer = startPeer(t, { limits: '-c 0' });

    await assert.rejects(peer.run((segfs, r) => {
      new Uint8Array(segfs.open(r, { readOnly: true }).buffer)[0] = 1;
    }, ref), { signal: 'SIGSEGV' });
    assert.equal(new Uint8Array(segfs.open(ref).buffer)[0], 0);
  });
}

it('counts what is mapped as external memory', () => {
  const ref = newRef('posix');
  const before = process.memoryUsage().external;
  const segment = segfs.create(ref, 64 << 20);

  assert.ok(process.memoryUsage().external - before >= 64 << 20);
  segment.close();
  assert.ok(process.memoryUsage().external - before < 32 << 20);
});
