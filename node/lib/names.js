// SPDX-License-Identifier: MIT
/* Segments by reference. */
'use strict';

const addon = require('./addon');
const { check, invalidValue, systemError } = require('./errors');
const validate = require('./validate');

const kinds = { [addon.POSIX]: 'posix', [addon.SYSV]: 'sysv', [addon.FILE]: 'file' };
const numbers = { posix: addon.POSIX, sysv: addon.SYSV };

/** Like fs.Stats: each time as milliseconds and as a Date. */
function shapeStat({ kind, atimeMs, mtimeMs, ctimeMs, ...rest }) {
  return {
    kind: kinds[kind],
    ...rest,
    atimeMs,
    mtimeMs,
    ctimeMs,
    atime: new Date(Math.round(atimeMs)),
    mtime: new Date(Math.round(mtimeMs)),
    ctime: new Date(Math.round(ctimeMs)),
  };
}

function kindNumber(kind) {
  return kind === undefined
    ? undefined
    : numbers[validate.oneOf('kind', kind, Object.keys(numbers))];
}

function stat(ref) {
  validate.reference(ref);
  return shapeStat(check(addon.stat(ref), 'stat', ref));
}

/** Of segments by path: their kind is `'file'`, and no other is asked for. */
function directoryOf({ directory }, kind) {
  if (directory === undefined) return undefined;
  if (kind !== undefined) throw invalidValue('kind', 'must be left out with a directory', kind);
  return validate.reference(directory, 'options.directory');
}

function list(kind, options) {
  const { encoding = 'utf8', ...rest } = validate.options(options);
  const asBuffer = validate.oneOf('options.encoding', encoding, ['utf8', 'buffer']) === 'buffer';
  const directory = directoryOf(rest, kind);
  const wanted = directory !== undefined
    ? [addon.FILE]
    : kind === undefined ? Object.values(numbers) : [kindNumber(kind)];

  return wanted.flatMap((k) => check(addon.list(k, asBuffer, directory), 'list', directory))
    .map(({ ref, ...fields }) => ({ ref, ...shapeStat(fields) }));
}

function resize(ref, size, options) {
  validate.reference(ref);
  size = validate.integer('size', size, 0);
  const flags = validate.flag(validate.options(options), 'force') ? addon.FORCE : 0;
  check(addon.resize(ref, size, flags), 'resize', ref);
}

function destroy(ref, options) {
  validate.reference(ref);
  const flags = validate.flag(validate.options(options), 'ifUnused') ? addon.IF_UNUSED : 0;
  check(addon.destroy(ref, flags), 'destroy', ref);
}

function inUse(ref) {
  validate.reference(ref);
  return check(addon.inUse(ref), 'inUse', ref) === 1;
}

function users(ref) {
  validate.reference(ref);
  return check(addon.users(ref), 'users', ref);
}

/** Everything that nobody uses may be meant for later: so it takes a filter, or `all`. */
function checkFilter(options) {
  const filters = ['kind', 'pattern', 'uid', 'unusedFor'];
  const wanted = validate.flag(options, 'all') || validate.flag(options, 'ephemeral') ||
    filters.some((name) => options[name] !== undefined);
  if (!wanted) {
    throw invalidValue('options', 'must have a filter, or `all: true`', options);
  }
}

function gc(options) {
  options = validate.options(options);
  checkFilter(options);
  const directory = directoryOf(options, options.kind);
  const kind = kindNumber(options.kind) ?? 0;
  const pattern = options.pattern === undefined
    ? undefined
    : validate.reference(options.pattern, 'options.pattern');
  const uid = validate.integer('options.uid', options.uid ?? -1, -1, 2 ** 32 - 2);
  const unusedFor = validate.integer('options.unusedFor', options.unusedFor ?? 0, 0);
  const flags = (validate.flag(options, 'dryRun') ? addon.GC_DRY_RUN : 0) |
    (options.ephemeral ? addon.GC_EPHEMERAL : 0);

  return check(
    addon.gc(kind, pattern, uid, Math.ceil(unusedFor / 1000), flags, directory), 'gc', directory)
    .map(({ ref, result, ...fields }) => ({
      ref,
      ...shapeStat(fields),
      ...(result < 0 && { error: systemError(result, 'gc', ref) }),
    }));
}

module.exports = { destroy, gc, inUse, kinds, list, resize, stat, users };
