// SPDX-License-Identifier: MIT
export * from 'segfs/shmmap';
