// SPDX-License-Identifier: MIT
/*
 * npm run bench [ROUNDS]: each row's contenders take turns, so that what else goes on in the
 * machine meets all of them; a ratio is of one round. A table in Markdown.
 */
'use strict';

const os = require('node:os');

const { loadPeers } = require('./peers');
const rows = require('./rows');

const rounds = Number(process.argv[2] ?? 15);

function quantile(values, at) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * at)];
}

/** Three digits, or those before the point. */
function digits(number, count = 3) {
  return number >= 10 ** (count - 1) ? number.toFixed(0) : number.toPrecision(count);
}

function readable(ms) {
  return ms >= 1 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}

async function measure(prepare, peers) {
  const ends = [];
  const contenders = await prepare(peers, (end) => ends.push(end));
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (const run of Object.values(contenders)) await run(); // not counted: to warm up
  for (let i = 0; i < rounds; i++) {
    for (const [name, run] of Object.entries(contenders)) times[name].push(await run());
  }
  for (const end of ends) await end();
  return times;
}

function print(row, times) {
  const [[, own], ...others] = Object.entries(times);
  console.log(`| ${row} | segfs | ${readable(quantile(own, 0.5))} | |`);
  for (const [name, theirs] of others) {
    const ratios = theirs.map((ms, i) => ms / own[i]);
    const [low, middle, high] = [0.25, 0.5, 0.75].map((at) => digits(quantile(ratios, at), 2));
    console.log(`| | ${name} | ${readable(quantile(theirs, 0.5))} | ${middle} (${low}–${high}) |`);
  }
}

function printEach(names, times) {
  names.split(', ').forEach((row, at) => {
    const chosen = ([name, results]) => [name, results.map((result) => [result].flat()[at])];
    print(row, Object.fromEntries(Object.entries(times).map(chosen)));
  });
}

async function main() {
  const { peers, skipped } = loadPeers();
  console.log(`${os.cpus().length} cores, Linux ${os.release().split('.', 2).join('.')}, ` +
    `Node ${process.version}, ${rounds} rounds; median, and the ratio to segfs of the same ` +
    'round: median (quartiles).\n');
  console.log('| | | time | × segfs |\n| --- | --- | ---: | ---: |');
  for (const [row, prepare] of Object.entries(rows)) printEach(row, await measure(prepare, peers));
  for (const [name, reason] of Object.entries(skipped)) console.log(`\n${name} is left out: ${reason}`);
}

main();
