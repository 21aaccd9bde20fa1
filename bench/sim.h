/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator of broken connections. sim.c plays clients, backends and what befalls them; a model is one kind of balancer,
 * of which several stand behind a router that spreads flows over them: sim_weir.c is the packet path's own code, sim_peers.c
 * has the others.
 *
 * A backend knows the connections that were opened with it and resets all others. */
#ifndef WEIR_BENCH_SIM_H
#define WEIR_BENCH_SIM_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/abi.h"

#define SIM_BALANCERS_MAX 16
#define SIM_STRANGER	  (~0u) /* number of a flow that sends one SYN and is never heard of again */
#define SIM_TRIES	  3	/* backends that may see one packet */

enum sim_state {
	SIM_OPEN = 1,
	SIM_BROKEN,  /* a packet of it went to a backend that does not know it */
	SIM_REFUSED, /* it never got a backend */
	SIM_LOST,    /* its backend died: nobody could have kept it */
};

struct sim_flow {
	__u32 src;
	__be16 sport_be;
	__u16 backend;
	__u8 state;
	__u8 pad[3];
};

struct sim {
	__u32 flows, backends, balancers; /* at the beginning; backend numbers are from 1 */
	__u32 flows_max;		  /* that can be opened in all */
	__u64 seed;			  /* of the run, and the state of its random numbers */
	__u64 now_ns;
	__u64 settle_ns, hold_ns;
	bool alive[WEIR_MAX_BACKENDS];	/* it answers */
	bool member[WEIR_MAX_BACKENDS]; /* new connections are for these */
	bool balancer_alive[SIM_BALANCERS_MAX];
};

struct sim_model {
	const char *name;
	/* memory for a run; false: there is none */
	bool (*begin)(const struct sim *s);
	/* the members have changed, as an operator's command tells all balancers */
	void (*change)(const struct sim *s);
	/* a packet: the backends that see it until one knows the flow, 0 behind the last */
	void (*route)(const struct sim *s, __u32 balancer, __u32 flow, const struct sim_flow *f, bool opens,
		      __u16 ret[SIM_TRIES]);
	/* flows that it has room for or has recorded, over all balancers */
	size_t (*entries)(const struct sim *s);
	void (*end)(void);
};

extern const struct sim_model sim_weir, sim_weir_chance, sim_maglev, sim_lru, sim_tracked;

__u64 sim_random(__u64 *state);
/* of addresses and ports, the one hash that all models use */
__u64 sim_hash(const struct sim_flow *f);

#endif
