/* SPDX-License-Identifier: GPL-2.0-only */
/* What would become of a packet, and why: the explaining variant of the programs (include/bpf/explain.h) is loaded beside the
 * live tables and run on it. Nothing that packets or people see is changed. */
#ifndef WEIR_EXPLAIN_LIB_H
#define WEIR_EXPLAIN_LIB_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/explain.h"

#include "attach.h"
#include "plane.h"

struct explainer; /* one program's variant, loaded */

/* The variant plays the part of the program that is attached to the hook. What that keeps to itself (the fragments that it has
 * seen) is asked, too. */
int explainer_open(struct plane *p, enum weir_hook hook, const struct attachment *at, struct explainer **ret,
		   struct weir_error *err);
void explainer_close(struct explainer **e);
#define explainer_auto __attribute__((cleanup(explainer_close))) struct explainer

struct explain_packet {
	const unsigned char *bytes; /* from its Ethernet header on */
	size_t length;
	__u32 ifindex; /* where it comes in, or leaves */
	__u32 mark;    /* TC */
	struct weir_asked asked;
};

struct explanation {
	enum weir_hook hook;
	enum weir_reason reason;
	struct weir_found found;
	unsigned char *bytes; /* the packet that leaves, or is left of it */
	size_t length;
	size_t cut;    /* TC: so many bytes of a longer packet were looked at; 0: all */
	bool has_meta; /* XDP: this is put before it for the ingress program */
	struct weir_meta meta;
};
#define explanation_auto __attribute__((cleanup(explanation_free))) struct explanation

/* -EINVAL: the packet is shorter than an Ethernet header, or longer than any is. */
int explain(const struct explainer *e, const struct explain_packet *packet, struct explanation *ret,
	    struct weir_error *err);
void explanation_free(struct explanation *e);

#endif
