// SPDX-License-Identifier: MIT
import segfs from './index.js';

export const {
  create, open, stat, list, resize, destroy, inUse, users, gc, Mutex,
} = segfs;
export default segfs;
