/* SPDX-License-Identifier: MIT */
/* Between JavaScript's values and libseg's. */
#ifndef SEGFS_NODE_VALUES_H
#define SEGFS_NODE_VALUES_H

#include <string>

#include <napi.h>

#include "seg.h"

/* A reference: a string, or a Buffer, since names are bytes and need not be UTF-8. */
std::string to_reference(const Napi::Value &value);
Napi::Value from_reference(Napi::Env env, const char *ref, bool as_buffer);

/* A size or an offset: JavaScript has checked that it is an exact integer. */
uint64_t to_size(const Napi::Value &value);

Napi::Object from_stat(Napi::Env env, const struct seg_stat &st);

#endif
