# SPDX-License-Identifier: GPL-2.0-only
"""The questions that people ask of a filter or balancer, and which figures answer them: weir's and the peers', side by side."""
import re

# question: (what its figures are, patterns of "SUITE: CASE" in the order of the table)
QUESTIONS = {
    "Drop one address": (
        "Test runs are ratios to a program that parses and drops, or passes; over a veth, what receiving a frame costs beyond an "
        "empty program.",
        [r"filter: miss, empty tables", r"filter: hit, 1 prefix", r"e2e: weir, 1 address", r"e2e: xdp-filter", r"e2e: nftables, 1 rule"]),
    "Drop from 1 M prefixes": (
        "Mixed lengths, random sources.",
        [r"filter: hit, 1 M IPv4", r"filter: peer: .*hit, 1 M IPv4", r"filter: miss, 1 M IPv4", r"filter: peer: .*miss, 1 M IPv4",
         r"filter: (hit|miss), 1 M IPv6", r"e2e: weir, 1 M prefixes", r"e2e: nftables interval set", r"e2e: ipset"]),
    "1,000 rules": (
        "Random packets against ordered rules; over a veth, packets that the last rule drops.",
        [r"filter: 10 rules", r"filter: 1000 rules", r"filter: 4096 rules", r"e2e: weir, 1,000 rules", r"e2e: nftables, 1,000 rules"]),
    "Limit each of 1 M sources": (
        "Spoofed sources, each with a token bucket.", [r"limit: "]),
    "Balance 1 flow, 1 M flows": (
        "Ratios to encapsulation into a constant header. LRU_HASH: a flow table before a ring, as most XDP balancers have it. Over a "
        "veth, nat beside nftables, which tracks connections; in a virtual machine, IPVS, whose ratio to weir in the same run counts.",
        [r"lb: established TCP over IPv4", r"lb: peer: LRU_HASH", r"lb: new flow", r"lb: established TCP, ", r"e2e: balance 1 M flows",
         r"e2e: weir, mode nat", r"e2e: nftables dnat", r"ipvs: "]),
    "Policy at egress": (
        "Test runs are ratios to a program that parses and lets go.", [r"policy: "]),
    "Explain itself": (
        "Events are on unless switched off. A burst of 100,000 drops ten times a second, from one source and from a million.",
        [r"events: "]),
    "Load 1 M entries": (
        "A command from its start to its end, from a text file; the kernel's own maps from memory, with nothing around it.",
        [r"control: load 1 M .*file$", r"control: swap 1 M .*file$", r"control: one more .*1 M$",
         r"control: peer: .*(prefixes|addresses|flows)$", r"control: (drop list|save) at 1 M .*prefixes$"]),
    "Memory": (
        "In the packet path's tables, of peers by what the kernel's memory grew; and of the command that fills them.",
        [r"control: tables of 1 M", r"control: table memory", r"control: load 1 M .*: memory", r"control: peer: .*memory"]),
}


def answers(figures, patterns):
    """the figures of a question, in its order"""
    found = []
    for pattern in patterns:
        found += [row for row in figures if re.match(pattern, f"{row['suite']}: {row['case']}") and row not in found]
    return found
