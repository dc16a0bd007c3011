// SPDX-License-Identifier: MIT
'use strict';

const os = require('node:os');
const { getSystemErrorMap, inspect } = require('node:util');

function coded(Base, code, message) {
  const error = new Base(message);
  error.code = code;
  return error;
}

function invalidType(name, expected, value) {
  const received = value === null || typeof value !== 'object'
    ? inspect(value)
    : `an instance of ${value.constructor?.name ?? 'Object'}`;
  return coded(TypeError, 'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be ${expected}. Received ${received}`);
}

function invalidValue(name, reason, value) {
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE',
    `The argument "${name}" ${reason}. Received ${inspect(value)}`);
}

function outOfRange(name, range, value) {
  return coded(RangeError, 'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`);
}

// Node's own table knows the errors that libuv has a name for; EIDRM is none of them.
function nameOf(errno) {
  const known = getSystemErrorMap().get(errno);
  if (known) return known;
  const [code] = Object.entries(os.constants.errno).find(([, n]) => n === -errno) ?? [`E${-errno}`];
  return [code, 'system error'];
}

/** An error like those of node:fs, from the negative errno that libseg returned. */
function systemError(errno, syscall, ref) {
  const [code, reason] = nameOf(errno);
  const path = ref === undefined ? undefined : String(ref);
  const subject = path === undefined ? '' : ` '${path}'`;
  const error = new Error(`${code}: ${reason}, ${syscall}${subject}`);

  Object.assign(error, { errno, code, syscall });
  if (path !== undefined) error.path = path;
  return error;
}

module.exports = { invalidType, invalidValue, outOfRange, systemError };
