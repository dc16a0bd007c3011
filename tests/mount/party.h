/* SPDX-License-Identifier: MIT */
/*
 * Programs that meet in a segment and share nothing but its name; see programs.sh.
 * party.c, party.py and party.js speak the same protocol, on raw bytes:
 *
 * Party i of COUNT owns the 4096 bytes from i * 4096 on. In each round it fills the
 * bytes from 8 on with its pattern of the round, then writes the number of the round
 * to its first 32-bit word; waits until every party's first word is that number, and
 * checks all their patterns; then writes it to its second word, and waits until
 * everybody's is that number: only then the next pattern may go over the last.
 *
 * Byte k of party i in round r is (r * 7 + i * 31 + k) modulo 256.
 */
#ifndef SEGFS_TEST_PARTY_H
#define SEGFS_TEST_PARTY_H

#define PARTY_SLOT       4096
#define PARTY_PATTERN    8
#define PARTY_PATIENCE_S 30

#endif
