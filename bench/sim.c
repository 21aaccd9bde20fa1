/* SPDX-License-Identifier: GPL-2.0-only */
/* simulator FLOWS BACKENDS BALANCERS SEED [SCENARIO]: plays that scenario, or every one, with every kind of balancer, and
 * prints a line of JSON for each: how many connections there were, and what became of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "weir/hash.h"

#define NS_A_SECOND  1000000000ull
#define SETTLE_S     60u /* the defaults of `weir vip add` */
#define HOLD_S	     7200u
#define TALK_S	     20u /* in which every connection sends once */
#define OPEN_PERCENT 5	 /* new connections, of those at the beginning */
#define OPENS_MAX    6	 /* times in a scenario */

enum op {
	END,
	ADD,   /* backends, in percent of all; 0: one */
	DRAIN, /* one backend */
	FAIL,  /* one backend dies and is taken out */
	LOSS,  /* a balancer dies */
	LEARN, /* everybody talks twice, new ones come; then settle is over */
	SLEEP, /* settle passes, and nobody talks */
	HOLD,  /* the same after it */
	LATER, /* hold passes, then everybody talks */
};

/* `flood`: SYNs from strangers for each packet of a connection */
static const struct scenario {
	const char *name;
	__u32 flood;
	struct {
		enum op op;
		__u32 percent;
	} steps[8];
} scenarios[] = {
	{"one backend added", 0, {{ADD, 0}, {LEARN, 0}, {HOLD, 0}}},
	{"a quarter more backends", 0, {{ADD, 25}, {LEARN, 0}, {HOLD, 0}}},
	{"one backend drained", 0, {{DRAIN, 0}, {LEARN, 0}, {HOLD, 0}}},
	{"one backend dies", 0, {{FAIL, 0}, {LEARN, 0}, {HOLD, 0}}},
	{"one balancer dies", 0, {{LOSS, 0}, {HOLD, 0}}},
	{"one backend added, then a balancer dies", 0, {{ADD, 0}, {LEARN, 0}, {LOSS, 0}, {HOLD, 0}}},
	{"a quarter more backends, then a balancer dies", 0, {{ADD, 25}, {LEARN, 0}, {LOSS, 0}, {HOLD, 0}}},
	{"one backend added in a flood of SYNs", 4, {{ADD, 0}, {LEARN, 0}, {HOLD, 0}}},
	{"one backend drained in a flood of SYNs", 4, {{DRAIN, 0}, {LEARN, 0}, {HOLD, 0}}},
	{"one backend added, connections idle for longer than settle", 0, {{ADD, 0}, {SLEEP, 0}, {HOLD, 0}}},
	{"one backend drained, connections older than hold", 0, {{DRAIN, 0}, {LEARN, 0}, {HOLD, 0}, {LATER, 0}}},
};

static const struct sim_model *const models[] = {&sim_weir_chance, &sim_weir, &sim_maglev, &sim_lru, &sim_tracked};

static struct sim_flow *flows;
static __u32 opened;

/* splitmix64 (Steele, Lea and Flood, 2014) */
__u64 sim_random(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

__u64 sim_hash(const struct sim_flow *f)
{
	static const struct weir_addr nobody;
	struct weir_addr src = {.w = {0, 0, 0, f->src}};

	return weir_hash_flow(&src, &nobody, f->sport_be, 0, 0);
}

/* The router's choice. When a balancer is gone only its flows go elsewhere (resilient hashing). */
static __u32 balancer_of(const struct sim *s, const struct sim_flow *f)
{
	__u64 state = (__u64)f->src << 16 | f->sport_be;
	__u32 balancer;

	do
		balancer = (__u32)(sim_random(&state) % s->balancers);
	while (!s->balancer_alive[balancer]);
	return balancer;
}

static void flow_make(struct sim *s, struct sim_flow *f)
{
	__u64 word = sim_random(&s->seed);

	*f = (struct sim_flow){.src = (__u32)word, .sport_be = (__be16)(word >> 32)};
}

static void stranger(struct sim *s, const struct sim_model *m)
{
	struct sim_flow f;
	__u16 to[SIM_TRIES];

	flow_make(s, &f);
	m->route(s, balancer_of(s, &f), SIM_STRANGER, &f, true, to);
}

/* whoever listens takes a new connection */
static void flow_open(struct sim *s, const struct sim_model *m)
{
	struct sim_flow *f = &flows[opened];
	__u16 to[SIM_TRIES];

	flow_make(s, f);
	m->route(s, balancer_of(s, f), opened++, f, true, to);
	f->backend = to[0];
	f->state = to[0] && s->alive[to[0]] ? SIM_OPEN : SIM_REFUSED;
}

static void flow_talk(const struct sim *s, const struct sim_model *m, __u32 number)
{
	struct sim_flow *f = &flows[number];
	__u16 to[SIM_TRIES];

	if (f->state != SIM_OPEN)
		return;
	m->route(s, balancer_of(s, f), number, f, false, to);
	if (!s->alive[f->backend]) {
		f->state = SIM_LOST;
		return;
	}
	for (int i = 0; i < SIM_TRIES && to[i] && s->alive[to[i]]; i++)
		if (to[i] == f->backend)
			return;
	f->state = SIM_BROKEN;
}

/* By this step every one of `count` is met, each time in another order: it has no divisor in common with it. */
static __u32 step_draw(struct sim *s, __u32 count)
{
	for (;;) {
		__u32 step = (__u32)(sim_random(&s->seed) % count), a = count, b = step;

		while (b) {
			__u32 rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return step;
	}
}

static void all_talk(struct sim *s, const struct sim_model *m, __u32 flood)
{
	__u32 count = opened, step = step_draw(s, count), at = 0;
	__u64 begin = s->now_ns;

	for (__u32 i = 0; i < count; i++) {
		s->now_ns = begin + TALK_S * NS_A_SECOND / count * i;
		flow_talk(s, m, at);
		at = (__u32)(((__u64)at + step) % count);
		for (__u32 n = 0; n < flood; n++)
			stranger(s, m);
	}
	s->now_ns = begin + TALK_S * NS_A_SECOND;
}

static void talk_and_open(struct sim *s, const struct sim_model *m, __u32 flood)
{
	all_talk(s, m, flood);
	for (__u32 i = 0; i < s->flows / 100 * OPEN_PERCENT; i++)
		flow_open(s, m);
	all_talk(s, m, flood);
}

static void members_add(struct sim *s, __u32 count)
{
	for (__u32 i = 0; i < count; i++) {
		s->backends++;
		s->alive[s->backends] = s->member[s->backends] = true;
	}
}

static void play(struct sim *s, const struct sim_model *m, const struct scenario *what)
{
	__u32 victim = s->backends / 2 + 1;

	for (int i = 0; i < 8 && what->steps[i].op != END; i++)
		switch (what->steps[i].op) {
		case ADD:
			members_add(s, what->steps[i].percent ? s->backends * what->steps[i].percent / 100 : 1);
			m->change(s);
			break;
		case FAIL:
			s->alive[victim] = false;
			/* fall through */
		case DRAIN:
			s->member[victim] = false;
			m->change(s);
			break;
		case LOSS:
			s->balancer_alive[0] = false;
			break;
		case SLEEP:
			s->now_ns += (SETTLE_S + 1) * NS_A_SECOND;
			break;
		case LEARN:
			talk_and_open(s, m, what->flood);
			s->now_ns += (SETTLE_S - 2 * TALK_S + 1) * NS_A_SECOND;
			break;
		case LATER:
			s->now_ns += HOLD_S * NS_A_SECOND;
			/* fall through */
		case HOLD:
			talk_and_open(s, m, what->flood);
			break;
		case END:
			break;
		}
}

static void print(const struct sim *s, const struct sim_model *m, const struct scenario *what)
{
	__u32 states[SIM_LOST + 1] = {};

	for (__u32 i = 0; i < opened; i++)
		states[flows[i].state]++;
	printf("{\"scenario\": \"%s\", \"model\": \"%s\", \"connections\": %u, \"broken\": %u, \"refused\": %u, \"lost\": %u, "
	       "\"per_million\": %.1f, \"entries\": %zu}\n",
	       what->name, m->name, opened, states[SIM_BROKEN], states[SIM_REFUSED], states[SIM_LOST],
	       (states[SIM_BROKEN] + states[SIM_REFUSED]) * 1e6 / opened, m->entries(s));
	fflush(stdout);
}

static bool run(const struct sim *first, const struct sim_model *m, const struct scenario *what)
{
	struct sim s = *first;

	opened = 0;
	for (__u32 id = 1; id <= s.backends; id++)
		s.alive[id] = s.member[id] = true;
	for (__u32 i = 0; i < s.balancers; i++)
		s.balancer_alive[i] = true;
	if (!m->begin(&s)) {
		m->end();
		return false;
	}
	for (__u32 i = 0; i < s.flows; i++)
		flow_open(&s, m);
	all_talk(&s, m, 0);
	play(&s, m, what);
	print(&s, m, what);
	m->end();
	return true;
}

static __u32 number(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < least || value > most) {
		fprintf(stderr, "simulator: '%s' is not a number from %lu to %lu\n", text, least, most);
		exit(2);
	}
	return (__u32)value;
}

static bool run_all(const struct sim *s, const char *only)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		for (size_t m = 0; m < sizeof(models) / sizeof(*models); m++)
			if ((!only || !strcmp(only, scenarios[i].name)) && !run(s, models[m], &scenarios[i]))
				return false;
	return true;
}

int main(int argc, char **argv)
{
	struct sim s = {.settle_ns = SETTLE_S * NS_A_SECOND, .hold_ns = HOLD_S * NS_A_SECOND, .now_ns = NS_A_SECOND};
	bool done;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: simulator FLOWS BACKENDS BALANCERS SEED [SCENARIO]\n");
		return 2;
	}
	s.flows = number(argv[1], 1000, 10000000);
	s.backends = number(argv[2], 2, WEIR_MAX_BACKENDS * 3 / 4);
	s.balancers = number(argv[3], 2, SIM_BALANCERS_MAX);
	s.seed = number(argv[4], 0, ~0u);
	s.flows_max = s.flows + s.flows / 100 * OPEN_PERCENT * OPENS_MAX;
	flows = calloc(s.flows_max, sizeof(*flows));
	done = flows && run_all(&s, argv[5]);
	free(flows);
	if (!done)
		fprintf(stderr, "simulator: out of memory\n");
	return !done;
}
