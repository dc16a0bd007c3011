// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, describe, it } = require('node:test');

const { destroyAll, kinds, newDirectory, newRef, segfs } = require('./support');

after(destroyAll);

for (const kind of kinds) {
  describe(`a ${kind} segment`, () => {
    it('is created with the size asked for, and zeroed', () => {
      const ref = newRef(kind);
      const segment = segfs.create(ref, 10_000);

      assert.deepEqual(
        { size: segment.size, kind: segment.kind, ref: segment.ref }, { size: 10_000, kind, ref });
      assert.ok(segment.buffer instanceof ArrayBuffer);
      assert.equal(segment.buffer.byteLength, 10_000);
      assert.ok(new Uint8Array(segment.buffer).every((byte) => byte === 0));
    });

    it('takes its size as a bigint too', () => {
      assert.equal(segfs.create(newRef(kind), 8192n).size, 8192);
    });

    it('belongs to its user alone, unless told otherwise', () => {
      const [closed, wide] = [newRef(kind), newRef(kind)];
      const umask = process.umask(0o027);

      segfs.create(closed, 4096);
      segfs.create(wide, 4096, { mode: 0o666 });
      process.umask(umask);
      assert.equal(segfs.stat(closed).mode, 0o600);
      assert.equal(segfs.stat(wide).mode, 0o640);
    });

    it('is one memory under two mappings', () => {
      const ref = newRef(kind);
      const [a, b] = [segfs.create(ref, 4096), segfs.open(ref)];
      const [viewA, viewB] = [new Uint8Array(a.buffer), new Uint8Array(b.buffer)];

      viewA[7] = 42;
      assert.equal(viewB[7], 42);
      a.close();
      viewB[8] = 43;
      assert.deepEqual([...viewB.slice(7, 9)], [42, 43]);
    });

    it('keeps its size and its bytes when it is created again', () => {
      const ref = newRef(kind);
      new Uint8Array(segfs.create(ref, 8192).buffer).fill(7);
      const again = segfs.create(ref, 100);

      assert.equal(again.size, 8192);
      assert.equal(again.buffer.byteLength, 8192);
      assert.ok(new Uint8Array(again.buffer).every((byte) => byte === 7));
    });

    it('can be preallocated', () => {
      const ref = newRef(kind);
      segfs.create(ref, 1 << 20, { preallocate: true }).close();
      assert.equal(segfs.stat(ref).allocated, 1 << 20);
    });

    it('is read through a read-only mapping', () => {
      const ref = newRef(kind);
      new Uint8Array(segfs.create(ref, 4096).buffer)[0] = 9;
      assert.equal(new Uint8Array(segfs.open(ref, { readOnly: true }).buffer)[0], 9);
    });

    it('is described like a file', () => {
      const ref = newRef(kind);
      const before = Date.now();
      segfs.create(ref, 5000).close();
      const stat = segfs.stat(ref);

      assert.equal(stat.kind, kind);
      assert.equal(stat.size, 5000);
      assert.equal(stat.nlink, 1);
      assert.equal(stat.uid, process.getuid());
      assert.equal(stat.gid, process.getgid());
      assert.ok(stat.ctime instanceof Date);
      assert.equal(stat.ctime.getTime(), Math.round(stat.ctimeMs));
      assert.ok(Math.abs(stat.ctimeMs - before) < 60_000);
    });

    it('is listed while it exists', () => {
      const ref = newRef(kind);
      const listed = (...args) => segfs.list(...args).find((entry) => entry.ref === ref);

      assert.equal(listed(), undefined);
      segfs.create(ref, 5000).close();
      assert.deepEqual(listed(), { ref, ...segfs.stat(ref) });
      assert.deepEqual(listed(kind), listed());
      assert.equal(listed(kinds.find((other) => other !== kind)), undefined);
      segfs.destroy(ref);
      assert.equal(listed(), undefined);
    });

    it('lives on, without its name, for those who have it mapped', () => {
      const ref = newRef(kind);
      const view = new Uint8Array(segfs.create(ref, 4096).buffer);

      segfs.destroy(ref);
      assert.throws(() => segfs.open(ref), { code: 'ENOENT' });
      view[0] = 1;
      assert.equal(view[0], 1);
    });
  });
}

it('tells of System V what only it has', () => {
  const ref = newRef('sysv');
  const segment = segfs.create(ref, 4096);
  const stat = segfs.stat(ref);

  assert.equal(stat.key, Number(ref.slice('sysv:'.length)));
  assert.equal(stat.nattch, 1);
  assert.equal(stat.cpid, process.pid);
  assert.equal(stat.removed, false);
  segfs.destroy(ref);
  assert.equal(segfs.stat(`sysv:id:${stat.shmid}`).removed, true);
  segment.close();
});

it('creates a System V segment without a key', () => {
  const segment = segfs.create('sysv:0', 4096);

  assert.match(segment.ref, /^sysv:id:\d+$/);
  assert.equal(segfs.open(segment.ref).size, 4096);
  segfs.destroy(segment.ref);
});

it('completes a POSIX name that lacks its slash', () => {
  const ref = newRef('posix');
  assert.equal(segfs.create(ref.slice(1), 4096).ref, ref);
});

it('maps a file by its path', (t) => {
  const file = path.join(newDirectory(t), 'data');
  const segment = segfs.create(file, 4096);

  new Uint8Array(segment.buffer).set(Buffer.from('shared'));
  assert.equal(segment.kind, 'file');
  assert.equal(segment.ref, file);
  assert.equal(fs.readFileSync(file).toString('latin1', 0, 6), 'shared');
  assert.equal(segfs.stat(file).kind, 'file');
  segfs.destroy(file);
  assert.ok(!fs.existsSync(file));
});

it('is the same memory by its path and by its name', () => {
  const ref = newRef('posix');
  const byName = new Uint8Array(segfs.create(ref, 4096).buffer);
  const byPath = new Uint8Array(segfs.open(`/dev/shm${ref}`).buffer);

  byName[0] = 1;
  assert.equal(byPath[0], 1);
});

it('reaches a name that is not UTF-8 by its bytes', () => {
  const ref = Buffer.concat([Buffer.from(newRef('posix')), Buffer.of(0xff)]);

  segfs.create(ref, 4096).close();
  assert.ok(segfs.list('posix', { encoding: 'buffer' }).some((entry) => ref.equals(entry.ref)));
  assert.equal(segfs.stat(ref).size, 4096);
  segfs.destroy(ref);
  assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
});

it('cannot be given another buffer', () => {
  const segment = segfs.create(newRef('posix'), 4096);
  assert.throws(() => { segment.buffer = new ArrayBuffer(8); }, TypeError);
});

it('is imported as a module, by name or by path', async () => {
  for (const specifier of ['segfs', '../index.js']) {
    const { default: whole, 'module.exports': _, ...named } = await import(specifier);
    assert.equal(whole, segfs);
    assert.deepEqual({ ...named }, { ...segfs });
  }
});
