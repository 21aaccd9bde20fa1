/* SPDX-License-Identifier: GPL-2.0-only */
/* In the place of libbpf's header of this name, so that sources of the packet path compile for this machine as they are: what
 * the helpers answer is up to the program that takes them in. */
#ifndef WEIR_BENCH_NATIVE_BPF_HELPERS_H
#define WEIR_BENCH_NATIVE_BPF_HELPERS_H

#include <linux/types.h>

#define SEC(name)
#define __uint(name, number) int(*name)[number]
#define __type(name, type)   __typeof__(type) *name
#define __array(name, type)  __typeof__(type) *name[]

#undef __always_inline
#define __always_inline	 inline __attribute__((always_inline))
#define __noinline	 __attribute__((noinline))
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };

void *bpf_map_lookup_elem(const void *map, const void *key);
__u64 bpf_jiffies64(void);
__u64 bpf_ktime_get_coarse_ns(void);

#endif
