/* SPDX-License-Identifier: GPL-2.0-only */
/* The other ways to balance, as models for the simulator.
 *   Maglev: consistent hashing and no state (Eisenbud et al., NSDI 2016, 3.4).
 *   LRU: each balancer remembers the flows that it saw last, and asks the Maglev table about all others.
 *   tracked: each balancer has an entry for every connection, without a bound; new ones go round the members. A packet of a
 *   connection that it does not know is let go (no state is shared between balancers). */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define TABLE 65537u /* a prime, Maglev's own choice for its small table */
#define LRU_PERCENT \
	200 /* entries of each balancer, against its share of the flows at the beginning: room when one dies */

static __u16 members[WEIR_MAX_BACKENDS];
static __u32 member_count;

static void members_list(const struct sim *s)
{
	member_count = 0;
	for (__u16 id = 1; id < WEIR_MAX_BACKENDS; id++)
		if (s->member[id])
			members[member_count++] = id;
}

/* ---- Maglev: every member claims places in an order of its own, in turn, until none is left */

static __u16 table[TABLE];

static void table_fill(const struct sim *s)
{
	static __u32 offset[WEIR_MAX_BACKENDS], skip[WEIR_MAX_BACKENDS], turn[WEIR_MAX_BACKENDS];
	__u32 filled = 0;

	members_list(s);
	memset(table, 0, sizeof(table));
	memset(turn, 0, sizeof(turn));
	for (__u32 i = 0; i < member_count; i++) {
		__u64 state = members[i];

		offset[i] = (__u32)(sim_random(&state) % TABLE);
		skip[i] = (__u32)(sim_random(&state) % (TABLE - 1)) + 1;
	}
	while (filled < TABLE)
		for (__u32 i = 0; i < member_count && filled < TABLE; i++) {
			__u32 at;

			do
				at = (offset[i] + (__u32)((__u64)turn[i]++ * skip[i] % TABLE)) % TABLE;
			while (table[at]);
			table[at] = members[i];
			filled++;
		}
}

static __u16 table_find(const struct sim_flow *f)
{
	return table[sim_hash(f) % TABLE];
}

static bool maglev_begin(const struct sim *s)
{
	table_fill(s);
	return true;
}

static void maglev_route(const struct sim *s, __u32 balancer, __u32 flow, const struct sim_flow *f, bool opens,
			 __u16 ret[SIM_TRIES])
{
	(void)s;
	(void)balancer;
	(void)flow;
	(void)opens;
	memset(ret, 0, SIM_TRIES * sizeof(*ret));
	ret[0] = table_find(f);
}

static size_t maglev_entries(const struct sim *s)
{
	(void)s;
	return 0;
}

static void nothing(void)
{
}

const struct sim_model sim_maglev = {"Maglev", maglev_begin, table_fill, maglev_route, maglev_entries, nothing};

/* ---- LRU: a ring of nodes around node 0, the latest behind it */

struct node {
	__u32 before, after;
	__u32 flow; /* SIM_STRANGER: of no flow that will be asked for */
	__u16 backend;
	__u16 pad;
};

static struct cache {
	struct node *nodes;
	__u32 *by_flow; /* node, 0: none */
	__u32 used, size;
} caches[SIM_BALANCERS_MAX];

static void caches_free(void)
{
	for (__u32 i = 0; i < SIM_BALANCERS_MAX; i++) {
		free(caches[i].nodes);
		free(caches[i].by_flow);
		caches[i] = (struct cache){};
	}
}

static bool lru_begin(const struct sim *s)
{
	table_fill(s);
	for (__u32 i = 0; i < s->balancers; i++) {
		caches[i].size = s->flows / s->balancers * LRU_PERCENT / 100;
		caches[i].nodes = calloc(caches[i].size + 1, sizeof(*caches[i].nodes));
		caches[i].by_flow = calloc(s->flows_max, sizeof(*caches[i].by_flow));
		if (!caches[i].nodes || !caches[i].by_flow)
			return false;
	}
	return true;
}

static void node_unlink(struct node *nodes, __u32 at)
{
	nodes[nodes[at].before].after = nodes[at].after;
	nodes[nodes[at].after].before = nodes[at].before;
}

static void node_link(struct node *nodes, __u32 at)
{
	nodes[at].before = 0;
	nodes[at].after = nodes[0].after;
	nodes[nodes[0].after].before = at;
	nodes[0].after = at;
}

/* a node for the flow: a new one, or that of the flow which was not seen for the longest time */
static __u32 node_take(struct cache *c, __u32 flow)
{
	__u32 at;

	if (c->used < c->size) {
		at = ++c->used;
	} else {
		at = c->nodes[0].before;
		if (c->nodes[at].flow != SIM_STRANGER)
			c->by_flow[c->nodes[at].flow] = 0;
		node_unlink(c->nodes, at);
	}
	c->nodes[at].flow = flow;
	if (flow != SIM_STRANGER)
		c->by_flow[flow] = at;
	return at;
}

static void lru_route(const struct sim *s, __u32 balancer, __u32 flow, const struct sim_flow *f, bool opens,
		      __u16 ret[SIM_TRIES])
{
	struct cache *c = &caches[balancer];
	__u32 at = flow == SIM_STRANGER ? 0 : c->by_flow[flow];

	(void)opens;
	if (at) {
		node_unlink(c->nodes, at);
	} else {
		at = node_take(c, flow);
		c->nodes[at].backend = table_find(f);
	}
	if (!s->alive[c->nodes[at].backend])
		c->nodes[at].backend = table_find(f);
	node_link(c->nodes, at);
	memset(ret, 0, SIM_TRIES * sizeof(*ret));
	ret[0] = c->nodes[at].backend;
}

static size_t lru_entries(const struct sim *s)
{
	size_t sum = 0;

	for (__u32 i = 0; i < s->balancers; i++)
		sum += caches[i].used;
	return sum;
}

const struct sim_model sim_lru = {"LRU and Maglev", lru_begin, table_fill, lru_route, lru_entries, caches_free};

/* ---- tracked */

static struct {
	__u16 *by_flow[SIM_BALANCERS_MAX]; /* backend, 0: not known */
	__u32 next[SIM_BALANCERS_MAX];	   /* member that gets a new connection */
	size_t entries;
} tracked;

static void tracked_end(void)
{
	for (__u32 i = 0; i < SIM_BALANCERS_MAX; i++)
		free(tracked.by_flow[i]);
	memset(&tracked, 0, sizeof(tracked));
}

static bool tracked_begin(const struct sim *s)
{
	members_list(s);
	for (__u32 i = 0; i < s->balancers; i++) {
		tracked.by_flow[i] = calloc(s->flows_max, sizeof(*tracked.by_flow[i]));
		if (!tracked.by_flow[i])
			return false;
	}
	return true;
}

static void tracked_route(const struct sim *s, __u32 balancer, __u32 flow, const struct sim_flow *f, bool opens,
			  __u16 ret[SIM_TRIES])
{
	__u16 *known = flow == SIM_STRANGER ? NULL : &tracked.by_flow[balancer][flow], backend = known ? *known : 0;

	(void)s;
	(void)f;
	if (!backend && opens) {
		backend = members[tracked.next[balancer]++ % member_count];
		tracked.entries++;
		if (known)
			*known = backend;
	}
	memset(ret, 0, SIM_TRIES * sizeof(*ret));
	ret[0] = backend;
}

static size_t tracked_entries(const struct sim *s)
{
	(void)s;
	return tracked.entries;
}

const struct sim_model sim_tracked = {"tracked",     tracked_begin,   members_list,
				      tracked_route, tracked_entries, tracked_end};
