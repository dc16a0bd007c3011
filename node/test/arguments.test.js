// SPDX-License-Identifier: MIT
'use strict';

const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { inspect } = require('node:util');

const { destroyAll, newRef, segfs } = require('./support');

const ref = newRef('posix');

after(destroyAll);

const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const value = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const range = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

const functionsOfRef = ['open', 'stat', 'destroy', 'create'];

const badRefs = [
  [undefined, type], [null, type], [5, type], [{}, type], [['/x'], type], [Symbol('x'), type],
  [new Float64Array(1), type], [new String('/x'), type],
  ['', value], [Buffer.alloc(0), value], ['/a\0b', value], [Buffer.of(47, 0), value],
];

const badSizes = [
  [undefined, type], [null, type], ['4096', type], [{}, type], [true, type],
  [0, range], [-1, range], [0.5, range], [NaN, range], [Infinity, range], [2 ** 53, range],
  [0n, range], [-1n, range], [2n ** 53n, range], [2n ** 64n + 4096n, range],
];

const badOptions = [
  [null, type], [5, type], ['exclusive', type],
  [{ mode: '600' }, type], [{ mode: -1 }, range], [{ mode: 0o1000 }, range], [{ mode: 1.5 }, range],
  [{ exclusive: 1 }, type], [{ preallocate: 'yes' }, type],
];

const badWindows = [
  [{ offset: '0' }, type], [{ offset: null }, type], [{ length: {} }, type],
  [{ offset: -8 }, range], [{ offset: 4 }, range], [{ offset: 4097n }, range], [{ offset: 0.5 }, range],
  [{ length: 0 }, range], [{ length: -1n }, range], [{ length: NaN }, range], [{ length: 2 ** 53 }, range],
];

const badLists = [
  [['file'], value], [[null], value], [[1], value], [['POSIX'], value],
  [[undefined, 5], type], [[undefined, { encoding: 'latin1' }], value],
];

const calls = [
  ...functionsOfRef.flatMap((fn) => badRefs.map(([bad, error]) => [fn, [bad, 4096], error])),
  ...badSizes.map(([size, error]) => ['create', [ref, size], error]),
  ...[...badOptions, ...badWindows].map(([options, error]) => ['create', [ref, 4096, options], error]),
  ...[[null, type], [5, type], [{ readOnly: 1 }, type], ...badWindows]
    .map(([options, error]) => ['open', [ref, options], error]),
  ...badLists.map(([args, error]) => ['list', args, error]),
];

for (const [fn, args, error] of calls) {
  it(`refuses ${fn}(${args.map((arg) => inspect(arg)).join(', ')})`, () => {
    assert.throws(() => segfs[fn](...args), error);
  });
}

it('has done nothing by then', () => {
  assert.throws(() => segfs.stat(ref), { code: 'ENOENT' });
});

it('says which argument is wrong, and what it should be', () => {
  assert.throws(() => segfs.create(ref), {
    message: 'The "size" argument must be a number or a bigint. Received undefined' });
  assert.throws(() => segfs.create(ref, 4096, { offset: 12 }), {
    message: 'The value of "options.offset" is out of range. It must be a multiple of 8. Received 12' });
});

it('takes no other object for a segment', () => {
  const { close } = segfs.create(ref, 4096);
  const { exports: addon } = Object.values(require.cache).find(({ id }) => id.endsWith('segfs.node'));

  for (const other of [undefined, null, {}, Object.create({ close }), new Map()]) {
    assert.throws(() => close.call(other), TypeError);
    assert.throws(() => addon.close(other), { name: 'TypeError', message: 'Not a handle of segfs' });
    assert.throws(() => addon.map(other, 0, 8), { name: 'TypeError' });
  }
});
