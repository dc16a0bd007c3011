// SPDX-License-Identifier: MIT
/* Other packages that share memory, brought and built by npm into build/node/peers. */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const wanted = { 'shm-typed-array': '0.1.1', 'shared-buffer': '1.4.0', shmmap: '1.0.0' };
const folder = path.join(__dirname, '../../build/node/peers', process.version);

/** Where this Node.js has its headers, node-gyp need not fetch them. */
function headers() {
  const prefix = path.join(path.dirname(fs.realpathSync(process.execPath)), '..');
  const found = fs.existsSync(path.join(prefix, 'include/node/node.h'));
  return found ? { npm_config_nodedir: prefix } : {};
}

function load(name) {
  const at = path.join(folder, name);
  const installed = path.join(at, 'node_modules', name);
  if (!fs.existsSync(installed)) {
    fs.mkdirSync(at, { recursive: true });
    fs.writeFileSync(path.join(at, 'package.json'), '{"name":"peer","version":"1.0.0"}');
    const { status, stderr } = spawnSync('npm',
      ['install', '--no-audit', '--no-fund', '--foreground-scripts', `${name}@${wanted[name]}`],
      { cwd: at, encoding: 'utf8', env: { ...process.env, ...headers() } });
    if (status !== 0) {
      fs.rmSync(at, { recursive: true });
      const reason = /error: .*/.exec(stderr)?.[0] ?? stderr.trim().split('\n').pop();
      throw new Error(`does not build: ${reason}`);
    }
  }
  return require(installed);
}

/** { name: module }, and { name: reason } of those that are left out. */
function loadPeers() {
  const [peers, skipped] = [{}, {}];
  for (const name of Object.keys(wanted)) {
    try {
      peers[name] = load(name);
    } catch (error) {
      skipped[name] = error.message.split('\n')[0];
    }
  }
  return { peers, skipped };
}

module.exports = { loadPeers };
