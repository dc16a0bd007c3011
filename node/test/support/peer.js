// SPDX-License-Identifier: MIT
/*
 * A second process, which does what the first one tells it:
 *
 *   const peer = startPeer(t);
 *   await peer.run((segfs, ref) => segfs.stat(ref).size, ref);
 *
 * The function runs over there, where nothing of the test is in its scope but `observe`.
 */
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');

class Peer {
  #child;
  #exit;

  constructor(child) {
    this.#child = child;
    this.#exit = once(child, 'exit');
  }

  /** Resolves to what the function returns there, and rejects with what it throws. */
  async run(fn, ...args) {
    this.#child.send({ source: String(fn), args });
    const [answer] = await Promise.race([
      once(this.#child, 'message'),
      this.#exit.then(([code, signal]) => [{ error: { message: 'peer is gone', code, signal } }]),
    ]);
    if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.result;
  }

  /** Resolves to [code, signal]. */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    return this.#exit;
  }
}

/** `limits`: arguments of the shell's ulimit; `flags`: of node. */
function startPeer(t, { flags = [], limits } = {}) {
  const command = [process.execPath, ...flags, __filename];
  const shell = ['sh', '-c', `ulimit ${limits}; exec "$0" "$@"`];
  const [file, ...args] = limits ? [...shell, ...command] : command;
  const peer = new Peer(spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  }));
  t.after(() => peer.stop());
  return peer;
}

async function obey({ source, args }) {
  const segfs = require('../..');
  const observe = require('./observe'); // what the source refers to
  try {
    process.send({ result: await eval(`(${source})`)(segfs, ...args) });
  } catch (error) {
    const { name, message, code, errno, syscall, path } = error;
    process.send({ error: { name, message, code, errno, syscall, path } });
  }
}

if (require.main === module && process.send) process.on('message', obey);

module.exports = { startPeer };
