/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs on devices. Ours are recognised by the maps they use, however they were attached; foreign ones are never
 * removed. */
#ifndef WEIR_ATTACH_H
#define WEIR_ATTACH_H

#include <linux/bpf.h>

#include "netlink.h"
#include "plane.h"

enum attach_xdp { ATTACH_XDP_OFF, ATTACH_XDP_NATIVE, ATTACH_XDP_SKB };
enum attach_tc { ATTACH_TC_OFF = 0, ATTACH_TC_EGRESS = 1, ATTACH_TC_INGRESS = 2 };

/* among other programs on a tcx hook; those of clsact run behind all of them */
enum attach_order { ATTACH_LAST, ATTACH_FIRST };

/* what the device shall have: ours is taken off where it says off */
struct attach_request {
	enum attach_xdp xdp;
	/* bits of enum attach_tc; the ingress program also comes along whenever XDP or egress is asked for: it resolves next
	 * hops and sees the flows that replies belong to */
	unsigned int tc;
	enum attach_order order; /* of a new TC program; one that is there keeps its place */
};

struct attachment {
	struct link link;
	/* XDP */
	__u32 xdp_id;	      /* our program, 0: none */
	__u32 xdp_foreign_id; /* somebody else's, 0: none */
	char xdp_foreign_name[32];
	bool xdp_frags;
	bool xdp_dispatcher; /* shares the interface through libxdp's dispatcher */
	bool xdp_by_hand;    /* of ours: attached by `ip`, not by weir */
	bool xdp_decap;	     /* of ours: a backend's, not the balancer's */
	/* TC */
	__u32 egress_id, ingress_id; /* our programs, 0: none */
	bool egress_by_hand, ingress_by_hand;
	bool egress_tcx, ingress_tcx; /* on the tcx hook, not among the filters of clsact */
	bool gone;		      /* the device that a slot was claimed for is no more */
};

typedef void attach_warner(void *arg, const char *text, const char *hint);

/* Attach. Programs of ours that are there are replaced atomically, no packet goes without. A foreign XDP program: -EBUSY,
 * unless libxdp can chain behind it. warn() is called for what is worth saying although it worked (forwarding off on the
 * device, with the sysctl; frags variant used; ...). */
int attach(struct plane *p, const char *dev, const struct attach_request *request, attach_warner *warn, void *arg,
	   struct weir_error *err);
/* The decapsulation program, on a backend; warnings and errors as above. */
int attach_decap(struct plane *p, const struct link *l, enum attach_xdp mode, attach_warner *warn, void *arg,
		 struct weir_error *err);
/* Detach ours, XDP and TC, and clsact when that leaves it empty. -ENOENT: nothing of ours there. A device that has vanished is
 * forgotten, its counters with it. */
int detach(struct plane *p, const char *dev, struct weir_error *err);
/* Take programs of weir whose maps are pinned nowhere any more off every device of this network namespace. */
int detach_orphans(unsigned int *ret_count, struct weir_error *err);

/* What is on every device of this network namespace that has something of ours, or somebody's XDP program, or had counters
 * of ours and is gone. Caller frees *ret. */
int attachments(struct plane *p, struct attachment **ret, size_t *ret_count, struct weir_error *err);

/* A program of somebody else's on a device's hooks. */
struct attach_other {
	__u32 id; /* 0: a TC filter without an eBPF program */
	char name[32];
	enum attach_hook { ATTACH_HOOK_XDP, ATTACH_HOOK_EGRESS, ATTACH_HOOK_INGRESS } hook;
	bool weir;   /* another instance's or version's of weir */
	bool tcx;    /* else among the filters of clsact */
	bool before; /* it runs before ours; without ours: not known */
};
/* All of them; without an instance (p NULL) those of weir, too. Caller frees *ret. */
int attach_others(const struct plane *p, const struct link *l, struct attach_other **ret, size_t *ret_count,
		  struct weir_error *err);

/* The tag by which the kernel knows equal programs; -ENOENT: it is gone. */
int attach_tag(__u32 id, __u8 ret[BPF_TAG_SIZE], struct weir_error *err);

/* Can several XDP programs share a device here (does the kernel load freplace programs)? The reason when not. */
bool attach_can_chain(char reason[256]);

#endif
