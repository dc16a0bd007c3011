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

// Node's own table knows the errors that libuv has a name for; EIDRM is none of them. And
// EOPNOTSUPP goes there by its other name, as one of sockets.
function nameOf(errno) {
  if (errno === -os.constants.errno.EOPNOTSUPP) return ['EOPNOTSUPP', 'operation not supported'];
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

function invalidState(message) {
  return coded(Error, 'ERR_INVALID_STATE', `Invalid state: ${message}`);
}

/** What an AbortSignal causes, as in node:fs and node:events. */
function aborted(signal) {
  const error = coded(Error, 'ABORT_ERR', 'The operation was aborted');
  error.name = 'AbortError';
  error.cause = signal.reason;
  return error;
}

/** The addon answers with a negative errno where libseg did. */
function check(result, syscall, ref) {
  if (typeof result === 'number' && result < 0) throw systemError(result, syscall, ref);
  return result;
}

module.exports = {
  aborted, check, coded, invalidState, invalidType, invalidValue, outOfRange, systemError,
};
