/* SPDX-License-Identifier: GPL-2.0-only */
/* How long programs run, as the kernel measures it while anybody asks it to. */
#ifndef WEIR_COST_H
#define WEIR_COST_H

#include "error.h"
#include "weir/abi.h"

/* Have the kernel measure every run of every BPF program for so long, which costs each run some 20 ns meanwhile. */
int cost_measure(unsigned int ms, struct weir_error *err);

/* Runs and nanoseconds of a program in all the time that the kernel measured so far. -ENOENT: there is none by that id. */
int cost_of(__u32 program_id, __u64 *ret_runs, __u64 *ret_ns, struct weir_error *err);

#endif
