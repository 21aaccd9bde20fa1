/* SPDX-License-Identifier: GPL-2.0-only */
/* Would the filter drop the packets of whoever types the commands? A small, plain evaluation of a model's filter for the
 * packets of one TCP connection, so that nobody locks himself out by mistake. */
#ifndef WEIR_LOCKOUT_H
#define WEIR_LOCKOUT_H

#include "model.h"

struct lockout_peer {
	struct weir_addr src, dst; /* as its packets have them */
	__u16 sport, dport;
	char dev[RULE_DEV_MAX]; /* on which they come in; "": not known */
};

/* From the SSH_CONNECTION of this process or, since sudo takes it away, of one that it descends from. False: there is none. */
bool lockout_peer_find(struct lockout_peer *ret);
/* From the text of such a variable: "198.51.100.7 52144 203.0.113.5 22" */
bool lockout_peer_parse(const char *text, struct lockout_peer *ret);

/* Is the address in the model's set number `set`? */
typedef int lockout_member(void *arg, const struct model *m, size_t set, const struct weir_addr *addr, bool *ret,
			   struct weir_error *err);
/* by the entries of the model itself, that is of one read from a file */
lockout_member lockout_member_of_model;

/* Are packets of the peer dropped, or sent elsewhere? *ret_why: by what, or "" when they are not. An unknown device is taken
 * to be one that the rules are against. */
#define LOCKOUT_WHY_MAX 64
int lockout_drops(const struct model *m, const struct lockout_peer *peer, lockout_member *member, void *arg,
		  char ret_why[LOCKOUT_WHY_MAX], struct weir_error *err);

/* -ECANCELED: the filter or policy would cut the peer off; `why` names what does. Instead: a command that lets it through, or NULL. */
int lockout_refuse(const struct lockout_peer *peer, const char *why, const char *instead, struct weir_error *err);

#endif
