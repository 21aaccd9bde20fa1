/* SPDX-License-Identifier: GPL-2.0-only */
/* What the explaining variant of the programs (include/bpf/explain.h) is told, and what it tells of one packet: the one variable
 * of its section, which lib/explain.c writes and reads. Fields of stages that the packet did not reach are 0. */
#ifndef WEIR_EXPLAIN_H
#define WEIR_EXPLAIN_H

#include "abi.h"
#include "packet.h"

#define WEIR_EXPLAIN_SECTION ".data.explain"

#define WEIR_ASKED_CGROUPS 32

/* what a test run cannot carry */
struct weir_asked {
	__u32 identity;			   /* egress: of the sender; 0: what the rest tells */
	__u32 uid;			   /* egress: of its socket */
	__u64 cgroups[WEIR_ASKED_CGROUPS]; /* egress: ids around its socket, by depth below the root; 0: none */
	__u8 socket;			   /* egress: it has one here */
	__u8 has_uid, pad;		   /* uid is known */
	__u8 has_meta;			   /* ingress: XDP has put this before the packet */
	struct weir_meta meta;
};

enum weir_stage { /* bits of weir_found.stages: what was asked */
		  WEIR_STAGE_READ,
		  WEIR_STAGE_SETS,
		  WEIR_STAGE_RULES,
		  WEIR_STAGE_DEFAULT,  /* no rule decided */
		  WEIR_STAGE_FAILSAFE, /* about to be dropped: does the failsafe list hold it? */
		  WEIR_STAGE_EDGE,
		  WEIR_STAGE_BALANCE, /* it is for a VIP */
		  WEIR_STAGE_FORWARD, /* a backend was chosen */
		  WEIR_STAGE_REPLY,   /* from a nat VIP's backend */
		  WEIR_STAGE_TOO_BIG,
		  WEIR_STAGE_SLOW, /* TC: forwarded for XDP */
		  WEIR_STAGE_FLOW, /* TC: the flow table was asked */
		  WEIR_STAGE_RELATED,
		  WEIR_STAGE_JUDGE,
		  WEIR_STAGE_TUNNEL,	 /* a backend: it is tunnelled */
		  WEIR_STAGE_INNER,	 /* and the tunnel ends here */
		  WEIR_STAGE_INNER_READ, /* its inner packet is well-formed */
		  WEIR_STAGE_CHANCE,	 /* others are named who may have its flow */
};

enum weir_socket_found {			/* on a backend, for the inner packet */
			 WEIR_SOCKET_NOT_ASKED, /* it opens a connection, or has none */
			 WEIR_SOCKET_NONE,
			 WEIR_SOCKET_LISTENS,
			 WEIR_SOCKET_HAS_IT,
};

enum weir_rule_outcome {
	WEIR_MET_EXPIRED,  /* over since */
	WEIR_MET_COUNTED,  /* on with the next */
	WEIR_MET_CONFORMS, /* within its limit: on with the next */
	WEIR_MET_EXCEEDS,
	WEIR_MET_AUDITED, /* would drop; decides that it passes */
	WEIR_MET_DECIDES,
	WEIR_MET_SPARED, /* would drop, but for the failsafe list */
};

#define WEIR_FOUND_RULES 16

struct weir_found_rule {
	__u32 id;
	__u8 action;  /* enum weir_rule_action */
	__u8 outcome; /* enum weir_rule_outcome */
	__u16 pad;
	__s64 ahead; /* limit: how far its bucket was ahead, and may be, in bucket time */
	__u64 burst;
};

enum weir_edge_kind {
	WEIR_EDGE_NONE,
	WEIR_EDGE_FIRST,     /* first fragment: its ports are remembered */
	WEIR_EDGE_LATER,     /* later fragment, whose first one is known */
	WEIR_EDGE_ORPHAN,    /* is not */
	WEIR_EDGE_ECHO,	     /* echo request */
	WEIR_EDGE_QUOTES,    /* ICMP error of a flow of the VIP's */
	WEIR_EDGE_NO_PORTS,  /* quotes a packet without ports */
	WEIR_EDGE_BAD_QUOTE, /* quotes nothing that the VIP has sent */
};

enum weir_owner_from {			/* who said which backend */
		       WEIR_OWNER_SLOT, /* and where it is unsettled the plan and its clock */
		       WEIR_OWNER_QUIC, /* the connection id */
		       WEIR_OWNER_FLOW, /* the recorded flow */
};

enum weir_known_by { /* by what an identity is known */
		     WEIR_BY_NOTHING,
		     WEIR_BY_GIVEN,
		     WEIR_BY_CGROUP,
		     WEIR_BY_UID,
		     WEIR_BY_MARK,
		     WEIR_BY_IFACE,
		     WEIR_BY_PREFIX,
};

struct weir_found_form {		/* policy's entry for one form of key */
	struct weir_policy_value value; /* action 0: there is none */
	__u64 asked;
};

struct weir_found {
	__u64 stages;
	__u32 gen;
	__s32 reason;  /* with which it left */
	__u32 ifindex; /* where it is redirected to */
	__u32 pad3;
	struct packet packet;

	/* the filter */
	__u32 from_class, to_class;
	__u32 rules_met; /* of them the last WEIR_FOUND_RULES: number N, from 0, in place N modulo that */
	__u32 failsafe;	 /* TC: number of the entry that holds it, from 1; XDP: it is on the list */
	__u8 default_drop;
	__u8 cookie; /* a listener would answer with a SYN cookie, which was not made */
	__u8 pad[2];
	struct weir_found_rule rules[WEIR_FOUND_RULES];

	/* the balancer */
	__u32 edge; /* enum weir_edge_kind */
	__u32 backend;
	struct packet balanced; /* as the flow's packet that it counts as */
	__u64 hash;
	struct weir_vip vip;
	struct weir_slot slot;
	struct weir_plan plan;
	__u64 now_ns;	 /* by which the plan was read */
	__u16 next[2];	 /* who is given a second chance */
	__u8 owner_from; /* enum weir_owner_from */
	__u8 unsettled;	 /* the plan runs */
	__u8 records;	 /* its flows are recorded */
	__u8 pad0;
	__u32 reply_of; /* index of the options of the VIP that it answers for */
	/* the backend's record: as it was found, and renewed if it was old */
	struct weir_backend hop;
	__u32 hop_index;
	__u8 hop_asked; /* the kernel was asked again */
	__u8 probe;	/* by the stack, to keep the neighbour alive */
	__u8 slow;
	__u8 pad1;
	__u32 added; /* bytes by which it grows */
	__u32 mtu;
	__s32 route; /* BPF_FIB_LKUP_RET_*, of a reply or on the slow path */
	__u32 pad2;

	/* policy */
	struct weir_flow flow, flow_after; /* as it was, and as the packet leaves it */
	__u8 flow_found;
	__u8 flow_dir; /* 0: as its opener, 1: an answer */
	__u8 flow_begins;
	__u8 judged_again;   /* its opener was, since policy has changed */
	__u8 from_by, to_by; /* enum weir_known_by */
	__u8 fragment;	     /* enum weir_edge_kind, LATER or ORPHAN */
	__u8 cgroup_level;
	__u32 from, to;	      /* identities */
	__u32 default_action; /* enum weir_action; 0: none */
	__u32 form;	      /* that decided, from 1; 0: none */
	__u32 spoof_owner, spoof_claimed;
	struct weir_found_form forms[WEIR_FORMS];

	/* a backend's unpacking */
	struct packet inner;
	struct weir_addr chance_next; /* who is to have it */
	__u8 tunnel;		      /* the protocol inside */
	__u8 socket;		      /* enum weir_socket_found */
	__u8 socket_cookie;	      /* it acknowledges a SYN cookie of the listener's */
	__u8 pad4[5];
};

struct weir_notes {
	struct weir_asked asked;
	struct weir_found found;
};

#endif
