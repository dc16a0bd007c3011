// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const { constants: { MAX_LENGTH } } = require('node:buffer');
const { after, describe, it } = require('node:test');

const { destroyAll, kinds, newRef, segfs } = require('./support');
const { countMappings } = require('./support/observe');

const GiB = 2 ** 30;

after(destroyAll);

for (const kind of kinds) {
  describe(`a window of a ${kind} segment`, () => {
    it('begins and ends at any byte asked for', () => {
      const ref = newRef(kind);
      const whole = new Uint8Array(segfs.create(ref, 20_000).buffer);

      whole.forEach((_, i) => { whole[i] = i % 251; });
      for (const [offset, length] of [[0, 1], [8, 100], [4096, 4096], [4104, 8193], [19_992, 8]]) {
        const window = segfs.open(ref, { offset, length });
        assert.equal(window.size, 20_000);
        assert.deepEqual(new Uint8Array(window.buffer), whole.slice(offset, offset + length));
        window.close();
      }
    });

    it('reaches to the end where no length is given', () => {
      const ref = newRef(kind);
      segfs.create(ref, 20_000);
      assert.equal(segfs.open(ref, { offset: 5000n }).buffer.byteLength, 15_000);
    });

    it('takes every typed array from its first byte', () => {
      const ref = newRef(kind);
      const { buffer } = segfs.create(ref, 8192, { offset: 4104, length: 8n });

      assert.equal(Atomics.add(new BigInt64Array(buffer), 0, 5n), 0n);
      assert.equal(new BigInt64Array(segfs.open(ref).buffer)[4104 / 8], 5n);
    });

    it('can be created with the segment', () => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 8192, { offset: 4096 });
      assert.deepEqual([segment.size, segment.buffer.byteLength], [8192, 4096]);
    });

    it('is all of the mapping, and is unmapped with it', () => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20).close();
      const window = segfs.open(ref, { offset: 4104, length: 16 });

      assert.equal(countMappings(ref), 1);
      window.close();
      assert.equal(countMappings(ref), 0);
    });

    it('beyond the segment is a RangeError, and leaves nothing mapped', () => {
      const ref = newRef(kind);
      segfs.create(ref, 8192).close();

      for (const [window, name] of [
        [{ offset: 8192 }, 'offset'],
        [{ offset: 2 ** 52 }, 'offset'],
        [{ length: 8193 }, 'length'],
        [{ offset: 4096, length: 4097 }, 'length'],
      ]) {
        assert.throws(() => segfs.open(ref, window), (error) => error instanceof RangeError &&
          error.code === 'ERR_OUT_OF_RANGE' && error.message.includes(`options.${name}`));
      }
      assert.equal(countMappings(ref), 0);
    });

    it('beyond the size asked for creates nothing', () => {
      const ref = newRef(kind);
      assert.throws(() => segfs.create(ref, 8192, { offset: 8192 }), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => segfs.create(ref, 8192, { length: 8193 }), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
    });

    it('reaches the far end of a segment of 6 GiB', () => {
      const ref = newRef(kind);
      const end = new Uint8Array(segfs.create(ref, 6 * GiB, { offset: 6 * GiB - 4096 }).buffer);

      end[4095] = 77;
      const same = segfs.open(ref, { offset: BigInt(6 * GiB - 8), length: 8n });
      assert.equal(new Uint8Array(same.buffer)[7], 77);
      assert.equal(segfs.stat(ref).size, 6 * GiB);
      assert.ok(segfs.stat(ref).allocated < GiB);
    });
  });
}

it('of 6 GiB is one buffer, on a Node.js whose buffers can be that long', (t) => {
  if (MAX_LENGTH < 6 * GiB) return t.skip(`Node ${process.version} takes ${MAX_LENGTH} bytes`);
  const ref = newRef('posix');
  const segment = segfs.create(ref, 6 * GiB);
  const view = new Uint8Array(segment.buffer);

  assert.equal(view.length, 6 * GiB);
  view[6 * GiB - 1] = 77;
  const end = segfs.open(ref, { offset: 6 * GiB - 8 });
  assert.equal(new Uint8Array(end.buffer)[7], 77);
  segment.close();
  assert.equal(view.length, 0);
});

it('longer than a buffer can be is a RangeError, and creates nothing', (t) => {
  if (MAX_LENGTH >= 2 ** 46) return t.skip(`Node ${process.version} takes any length`);
  const ref = newRef('posix');

  assert.throws(() => segfs.create(ref, MAX_LENGTH + 1), { code: 'ERR_OUT_OF_RANGE', name: 'RangeError' });
  assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
  segfs.create(ref, MAX_LENGTH + 1, { length: 8 }).close();
  assert.throws(() => segfs.open(ref), { code: 'ERR_OUT_OF_RANGE', message: /map a part of the segment/ });
  assert.equal(segfs.open(ref, { offset: 8 }).buffer.byteLength, MAX_LENGTH - 7);
});
