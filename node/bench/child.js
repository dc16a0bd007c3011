// SPDX-License-Identifier: MIT
/* The other side: answers each message, by the way it came. */
'use strict';

const net = require('node:net');
const { isMainThread, parentPort } = require('node:worker_threads');

const segfs = require('..');

const [, , way, where] = process.argv;

function answerAtWord() {
  const segment = segfs.open(where);
  const words = segment.as(Int32Array);
  for (let turn = 1; ; turn++) {
    while (Atomics.load(words, 0) < turn) segment.wait(0, turn - 1);
    if (words[2] === 1) process.exit();
    Atomics.store(words, 1, turn);
    segment.notify(1);
  }
}

const answers = {
  word: answerAtWord,
  message: () => process.on('message', (data) => process.send(data.at?.(-1) ?? 0)),
  socket: () => net.connect(where, function connected() {
    this.on('data', () => this.write('x'));
  }),
};

if (isMainThread) answers[way]();
else parentPort.on('message', (buffer) => parentPort.postMessage(buffer, [buffer]));
