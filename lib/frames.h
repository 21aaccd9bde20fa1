/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of a recording, each as an Ethernet frame. */
#ifndef WEIR_FRAMES_H
#define WEIR_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "error.h"

/* 0 goes on with the next; -errno ends it and is returned. `number` counts from 1. */
typedef int frame_sink(void *arg, size_t number, const unsigned char *bytes, size_t length, struct weir_error *err);

/* A file that libpcap reads ("-": standard input). only: number of the one packet that is wanted, 0: all. Packets without an
 * Ethernet header get one. -ENOENT: it has no such packet. */
int frames_read(const char *name, size_t only, frame_sink *sink, void *arg, struct weir_error *err);

/* One packet as a frame; 0: its link is none whose packets are known. The header's addresses are zero when it is made up.
 * `link` is libpcap's DLT_*. room: of `ret`. */
size_t frame_of(int link, const unsigned char *bytes, size_t length, unsigned char *ret, size_t room);

/* The source address of a frame; false: it is not IP. */
bool frame_source(const unsigned char *bytes, size_t length, struct weir_addr *ret);

#endif
