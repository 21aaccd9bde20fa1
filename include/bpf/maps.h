/* SPDX-License-Identifier: GPL-2.0-only */
/* Every map of the dataplane, pinned by name, so that an object attached by `ip link` or `tc` and one attached by `weir`
 * share them. A program's object holds only those that it uses; lib/maps.bpf.c holds all, for the user side to create. */
#ifndef WEIR_BPF_MAPS_H
#define WEIR_BPF_MAPS_H

#include <linux/bpf.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "weir/abi.h"

#define PINNED_MAP(name_, type_, key_, value_, entries_, flags_) \
	struct {                                                 \
		__uint(type, type_);                             \
		__type(key, key_);                               \
		__type(value, value_);                           \
		__uint(max_entries, entries_);                   \
		__uint(map_flags, flags_);                       \
		__uint(pinning, LIBBPF_PIN_BY_NAME);             \
	} name_ SEC(".maps")

/* an array whose elements are inner maps; kernel side reads it, user side fills it */
#define PINNED_MAP_OF_MAPS(name_, inner_, entries_)       \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, entries_);            \
		__type(key, __u32);                       \
		__uint(pinning, LIBBPF_PIN_BY_NAME);      \
		__array(values, struct inner_);           \
	} name_ SEC(".maps")

#endif
