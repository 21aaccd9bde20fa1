# SPDX-License-Identifier: GPL-2.0-only
"""`weir explain` says what the attached programs do, changes nothing, and costs them nothing.

    client ---- in [lb] out ---- 10.1.0.0/24, fd01::/64 backends

Random packets meet a random configuration: first all of them are explained, then each runs through the attached programs by
BPF_PROG_TEST_RUN, and verdict, reason and the bytes that leave must be the same.
"""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import time

import explain as asked
import lab as labs
import pytest
from bpf import ROOT, run_egress, run_ingress, run_xdp
from filter_model import World, frame
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

VIP, VIP6 = "203.0.113.10", "2001:db8:f::10"
BACKENDS = ["10.1.0.11", "10.1.0.12", "10.1.0.13", "fd01::11"]
MACS = {address: f"02:00:00:00:01:{n:02x}" for n, address in enumerate(BACKENDS)}
SERVICES = [  # words of the VIP, its backends
    (f"{VIP}:80/tcp", "", "10.1.0.11 10.1.0.12"),
    (f"{VIP}:81/tcp", "mode gue second-chance", "10.1.0.11 10.1.0.12"),
    (f"{VIP}:82/tcp", "mode l2", "10.1.0.12"),
    (f"{VIP}:83/tcp", "mode nat port 8443", "10.1.0.13"),
    (f"{VIP}:84/tcp", "mss 1300 affinity source", "fd01::11"),
    (f"{VIP}:85/tcp", "", "10.9.0.1"),  # unreachable
    (f"{VIP}:86/tcp", "", ""),
    (f"{VIP}:87/tcp", "", "10.1.0.99"),  # nobody knows its MAC
    (f"{VIP}:88/tcp", "", "198.18.255.1"),  # back out of the same device
    (f"{VIP}:80/udp", "track", "10.1.0.11 10.1.0.12"),
    (f"{VIP}:443/udp", "quic cid-offset 1 cid-length 1", "10.1.0.11 10.1.0.12"),
    (f"[{VIP6}]:80/tcp", "", "10.1.0.11 fd01::11"),
    (f"[{VIP6}]:81/tcp", "mode gue", "fd01::11"),
    (f"[{VIP6}]:83/tcp", "mode nat", "fd01::11"),
]
POLICY = """\
identity add app cidr 10.3.0.0/24 2001:db8:3::/64
identity add db cidr 10.4.0.0/24 mark 0x10/0xf0
identity add guest iface in
policy add allow from app to db proto tcp port 5432 note "the shop's own"
policy add deny from app to any proto tcp port 25
policy add reject from app to db proto tcp port 22
policy add reject from app to any proto udp port 53
policy add audit from any to db proto udp
policy add deny from any to db proto icmp
policy add allow from world to app proto tcp port 1000-2000
policy add deny from world to any proto tcp port 7
policy default deny from app
policy default audit from db
"""


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client"), lab.ns("be")
        lab.veth("client", "eth0", ["198.18.255.2/16"], "lb", "in", ["198.18.255.254/16", "2001:db8:18::1/64"])
        lab.veth("be", "eth0", ["10.1.0.2/24", "fd01::2/64"], "lb", "out", ["10.1.0.1/24", "fd01::1/64"])
        for address, mac in {**MACS, "198.18.255.1": "02:00:00:00:02:01"}.items():
            lab.ip("lb", f"neigh replace {address} lladdr {mac} dev {'in' if address.startswith('198') else 'out'} nud permanent")
        lab.ip("lb", "route add unreachable 10.9.0.0/24")
        lab.mute("lb", "out")  # 10.1.0.99 does not answer
        lab.weir("attach in out --tc egress,ingress")
        yield lab


def seeded():
    seed = int(os.environ.get("WEIR_SEED") or time.time_ns())
    print(f"WEIR_SEED={seed}")
    return random.Random(seed)


def services():
    """as a configuration"""
    for number, (service, words, backends) in enumerate(SERVICES):
        yield f"vip add {service} name vip{number} settle 100s {words}"
        for count, backend in enumerate(backends.split()):
            yield f"backend add vip{number} {backend}" + (f" server-id {count:02x}" if "quic" in words else "")


def configure(net, rng):
    world = World(rng, 12)
    limits = ["rule add limit 1000 bps burst 12112 per source from 198.18.0.0/15",
              "rule add limit 1000 bps burst 12112 per source/128 from 2001:db8:18::/48",
              "rule add count proto tcp flags syn note \"begins\""]
    passes = ["rule add pass from 198.18.0.0/15", "rule add pass from 2001:db8:18::/48", "rule add pass from 10.1.0.0/24"]
    net.weir("apply --yes --now /dev/stdin", stdin=POLICY + "\n".join([world.text(), *services()]))
    for at, line in enumerate(limits + passes):
        net.weir(line.replace("rule add", f"rule add at {at + 1}"))
    return world


# ---- random packets; in one round no flow has two, so that none changes what becomes of the next

def eth(rng):
    link = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
    return link / Dot1Q(vlan=rng.randrange(1, 9)) if rng.random() < 0.15 else link


def ip(rng, src, dst, **more):
    if ":" in src:
        return eth(rng) / IPv6(src=src, dst=dst, hlim=rng.choice((1, 64)), tc=rng.choice((0, 0xb9)), **more)
    return eth(rng) / IP(src=src, dst=dst, ttl=rng.choice((1, 64, 64)), tos=rng.choice((0, 0xb9)), **more)


def segment(rng, sport, dport):
    flags = rng.choice(("S", "S", "A", "PA", "FA", "RA", "SA"))
    options = [("MSS", 1460)] if "S" in flags else []
    return TCP(sport=sport, dport=dport, flags=flags, options=options) / Raw(bytes(rng.choice((0, 3, 400, 1430))))


def client(rng, number, v6):
    return f"2001:db8:18::{number:x}" if v6 else f"198.18.{number >> 8}.{number & 255}"


def to_vip(rng, number):
    v6 = rng.random() < 0.3
    src, dst, sport = client(rng, number, v6), VIP6 if v6 else VIP, 1000 + number
    kind = rng.random()
    if kind < 0.55:
        return ip(rng, src, dst) / segment(rng, sport, rng.choice((80, 81, 82, 83, 84, 85, 86, 87, 88, 99)))
    if kind < 0.7:
        payload = bytes([0x40, rng.randrange(256), rng.randrange(3)]) + bytes(rng.choice((5, 900)))
        return ip(rng, src, dst) / UDP(sport=sport, dport=rng.choice((80, 443))) / Raw(payload)
    if kind < 0.8:
        return ip(rng, src, dst) / (ICMPv6EchoRequest(id=number) if v6 else ICMP(id=number))
    if kind < 0.9:
        if v6:
            return ip(rng, src, dst) / IPv6ExtHdrFragment(id=number, offset=rng.choice((0, 90)), m=1) / segment(rng, sport, 80)
        offset = rng.choice((0, 90))
        return ip(rng, src, dst, id=number, flags="MF", frag=offset) / segment(rng, sport, rng.choice((80, 81)))
    quoted = IPerror(src=rng.choice((VIP, "192.0.2.1")), dst=client(rng, number, False)) / \
        TCPerror(sport=rng.choice((80, 81, 83)), dport=sport)
    return ip(rng, "198.51.100.9", VIP) / ICMP(type=3, code=rng.choice((0, 4))) / quoted


def reply(rng, number):
    if rng.random() < 0.3:
        return ip(rng, "fd01::11", client(rng, number, True)) / segment(rng, 83, 1000 + number)
    return ip(rng, "10.1.0.13", client(rng, number, False)) / segment(rng, rng.choice((8443, 8444)), 1000 + number)


def damaged(rng, number):
    raw = bytearray(bytes(to_vip(rng, number)))
    if rng.random() < 0.5:
        return bytes(raw[:rng.randrange(34, len(raw))])
    raw[rng.randrange(12, min(len(raw), 60))] ^= 1 << rng.randrange(8)
    return bytes(raw)


def comes_in(rng, world, number):
    kind = rng.random()
    if kind < 0.5:
        return bytes(to_vip(rng, number))
    if kind < 0.6:
        return bytes(reply(rng, number))
    if kind < 0.7:
        return damaged(rng, number)
    if kind < 0.72:
        return bytes(Ether() / ARP())
    return frame(world.packet())


def leaves(rng, number):
    """of policy's flows: the same in every round, so that they are new, open, answered and judged again"""
    src, dst = rng.sample(("10.3.0.7", "10.4.0.8", "10.1.0.1", "192.0.2.9"), 2)
    if rng.random() < 0.2:
        src, dst = rng.sample(("2001:db8:3::7", "2001:db8:9::9"), 2)
    port, other = rng.choice((5432, 25, 22, 53, 7, 1500)), 30000 + number
    sport, dport = rng.choice(((other, port), (port, other)))
    kind = rng.random()
    if kind < 0.6:
        return bytes(ip(rng, src, dst) / segment(rng, sport, dport))
    if kind < 0.85:
        return bytes(ip(rng, src, dst) / UDP(sport=sport, dport=dport) / Raw(b"question"))
    if ":" not in src and kind < 0.95:
        return bytes(ip(rng, src, dst, id=number, flags="MF", frag=rng.choice((0, 90))) / segment(rng, sport, dport))
    return bytes(ip(rng, src, dst) / (ICMPv6EchoRequest(id=number) if ":" in src else ICMP(id=number)))


# ---- the comparison

def said(hook):
    """what an answer says of one program"""
    sends = hook["verdict"] in ("tx", "redirect")
    return hook["verdict"], hook["reason"], bytes.fromhex(hook["leaves"]["hex"]) if sends else None


def done(run):
    return run.verdict, run.reason, run.packet if run.verdict in ("tx", "redirect") else None


def overtaken(want, got):
    """Something may change between explaining and doing: a bucket drains, and one packet of a backend's every tenth look-up goes
    through the stack."""
    return "limit" in (want[1], got[1]) or {want[1], got[1]} <= {"slow-path", "forward-tx", "forward-redirect"}


def compare(want, got, packet, answer):
    assert want == got, f"explained {want[:2]}, done {got[:2]}\n{packet.hex()}\n{answer}"


def round_in(net, packets, seen):
    changed = 0
    for packet, answer in zip(packets, asked.explain(net, "dev in", packets)):
        run = run_xdp(net, "in", packet)
        want, got = said(answer["hooks"][0]), done(run)
        seen.add(got[1])
        if want != got and overtaken(want, got):
            changed += 1
            continue
        compare(want, got, packet, answer)
        if run.verdict == "pass" and not run.meta:
            got = done(run_ingress(net, "in", run.packet))
            seen.add(got[1])
            compare(said(answer["hooks"][1]), got, packet, answer)
    assert changed <= len(packets) / 10


def round_out(net, packets, seen):
    for packet, answer in zip(packets, asked.explain(net, "out dev out uid 0", packets)):
        got = done(run_egress(net, "out", packet))
        seen.add(got[1])
        compare(said(answer["hooks"][0]), got, packet, answer)


def test_agreement(net, long):
    rng = seeded()
    seen = set()
    for turn in range(20):
        if turn and len(seen) > 20 and not long:
            break  # a list of rules may leave little to the stages behind it: then another one
        world = configure(net, rng)
        for part in range(4):
            numbers = rng.sample(range(1, 200), 60)
            round_in(net, [comes_in(rng, world, number) for number in numbers], seen)
            round_out(net, [leaves(random.Random(number % 40 + part % 2 * 1000), number) for number in numbers], seen)
            if part == 1:  # slots begin to change hands, flows to be judged again
                net.weir("backend add vip0 10.1.0.13", check=False)
                net.weir("backend add vip1 10.1.0.13", check=False)
                net.weir(f"policy add deny from app to db proto tcp port {rng.randrange(1, 9)}")
    assert len(seen) > 20, seen


def test_nothing_is_changed(net):
    """Of the same packets, whatever they would have changed: counters, buckets, flows, fragments, next hops."""
    rng = seeded()
    world = configure(net, rng)
    numbers = range(1, 150)
    coming, leaving = [comes_in(rng, world, n) for n in numbers], [leaves(rng, n) for n in numbers]
    for packet in coming[::3]:  # so that there is something to change
        run_xdp(net, "in", packet)
    for packet in leaving[::3]:
        run_egress(net, "out", packet)
    time.sleep(1.1)  # next hops are old enough to be asked for again
    for _ in range(5):  # the lab's own hosts may speak meanwhile
        before = asked.maps(net)
        asked.explain(net, "dev in", coming), asked.explain(net, "out dev out uid 0", leaving)
        after = asked.maps(net)
        if before == after:
            break
    assert before.keys() == after.keys()
    assert not [name for name in before if before[name] != after[name]]
    for packet in coming:
        run_xdp(net, "in", packet)
    assert asked.maps(net) != before, "and these did change something"


# ---- the command: what is described, what is printed

def built(net, packet):
    return bytes(Ether(src=net.mac("lb", "out"), dst="02:00:00:00:00:01") / packet)


@pytest.mark.parametrize("words, packet", [
    ("from 198.18.0.1:4431 to 203.0.113.10:80", IP(src="198.18.0.1", dst=VIP, id=0, flags="DF") / TCP(
        sport=4431, dport=80, seq=1, flags="S", window=65535)),
    ("from 198.18.0.1:1 to 203.0.113.10:80 flags ack,psh payload 414243 dscp ef ttl 3 vlan 7",
     Dot1Q(vlan=7) / IP(src="198.18.0.1", dst=VIP, id=0, flags="DF", tos=46 << 2, ttl=3) / TCP(
         sport=1, dport=80, seq=1, ack=1, flags="PA", window=65535) / Raw(b"ABC")),
    ("from [2001:db8:18::1]:9 to [2001:db8:f::10]:80 proto udp length 100",
     IPv6(src="2001:db8:18::1", dst=VIP6) / UDP(sport=9, dport=80) / Raw(bytes(52))),
    ("from 2001:db8:18::1 to 2001:db8:f::10", IPv6(src="2001:db8:18::1", dst=VIP6) / ICMPv6EchoRequest(id=1, seq=1)),
    ("from 198.18.0.1 to 203.0.113.10 icmp 13/2", IP(src="198.18.0.1", dst=VIP, id=0, flags="DF") / ICMP(
        type=13, code=2, id=1, seq=1)),
    ("from 198.18.0.1 to 203.0.113.10 proto gre payload 0000", IP(src="198.18.0.1", dst=VIP, id=0, flags="DF", proto=47) /
     Raw(bytes(2))),
    ("from 198.18.0.1:7 to 203.0.113.10:80 fragment later length 60",
     IP(src="198.18.0.1", dst=VIP, id=0x7765, frag=185, proto=6) / Raw(bytes(40))),
])
def test_described(net, words, packet):
    answer = json.loads(net.weir(f"-j explain out dev out {words}", check=False).stdout)
    link = packet.copy()
    if ICMP in link and link[ICMP].type == 13:  # of which scapy makes a longer header
        link = IP(bytes(link)[:20]) / Raw(bytes([13, 2, 0xf2, 0xfb, 0, 1, 0, 1]))
        del link[IP].len, link[IP].chksum
    assert answer["packet"]["hex"] == built(net, link).hex()


def test_protocols_have_names(net):
    for proto, shown in (("gre", "gre"), ("47", "gre"), ("94", "94")):
        assert f"  protocol {shown}\n" in net.weir(f"explain out dev out from 198.18.0.1 to 203.0.113.10 proto {proto}", check=False).stdout


CONFIGURATION = f"""\
set create seen
set add seen 198.18.0.0/24 note "a \\"client\\""
rule add count from @seen note "counted"
rule add limit 10 pps burst 20 per source proto tcp flags syn
rule add drop proto tcp dport 81
vip add {VIP}:80/tcp name www
backend add www 10.1.0.11
identity add app cidr 10.3.0.0/24
policy add deny from app to world proto tcp port 25 note "no mail"
policy default allow from app
"""


def afresh(net):
    """rules numbered from 1"""
    for text in ("", CONFIGURATION):
        net.weir("apply --yes --now /dev/stdin", stdin=text)


def test_text(net):
    afresh(net)
    done = net.weir(f"explain dev in from 198.18.0.1:4431 to {VIP}:80")
    inner = ["IPv4 198.18.0.1 > 203.0.113.10, 40 bytes, ttl 64", "TCP 4431 > 80 syn, seq 1, ack 0"]
    mac = {dev: net.mac("lb", dev) for dev in ("in", "out")}
    slot = re.search(r"slot +(\d+) of", done.stdout)[1]
    assert [line.strip() for line in done.stdout.splitlines()] == [
        f"packet      Ethernet 02:00:00:00:00:01 > {mac['in']}", *inner, "comes in on in",
        "xdp",
        "sets      source is in the set 'seen' by 198.18.0.0/24, note \"a \\\"client\\\"\"",
        "rules     rule 1 counts it: rule add count from @seen note \"counted\"",
        "rules     rule 2 within its rate (0% of its burst taken): rule add limit 10 pps burst 20 per source proto tcp flags syn",
        "rules     none of these decides; default: pass",
        f"vip       {VIP}:80/tcp, named www, mode ipip",
        f"slot      {slot} of 65536, settled: 10.1.0.11",
        "backend   10.1.0.11: the slot's owner",
        f"next hop  ready: by out to {MACS['10.1.0.11']}, asked of the kernel just now",
        "verdict     redirect, forward-redirect: to its backend, out of another device",
        f"leaves      Ethernet {mac['out']} > {MACS['10.1.0.11']}",
        "IPv4 10.1.0.1 > 10.1.0.11, 60 bytes, ttl 64", *inner]
    done = net.weir(f"explain dev in from 198.18.0.1:4431 to {VIP}:81", check=False)
    assert done.returncode == 3 and "rule 3 decides: rule add drop" in done.stdout and "verdict     drop, rule-drop: " in done.stdout
    done = net.weir("explain out dev out from 10.3.0.7:9 to 192.0.2.1:25", check=False)
    assert done.returncode == 3
    assert [line.strip() for line in done.stdout.splitlines()][4:] == [
        "egress",
        "flow      none is known",
        "from      app, by its address 10.3.0.0/24",
        "to        world, no identity names it",
        "policy    app to world: rule 1 decides: policy add deny from app to world proto tcp port 25 note \"no mail\"",
        "failsafe  none holds it",
        "verdict     drop, policy-deny: denied by a policy rule"]
    rejected = lambda words: [line.strip() for line in net.weir(f"explain out dev out from 10.3.0.7:9 to 192.0.2.1:27 {words}",
                                                                check=False).stdout.splitlines()]
    net.weir("policy add reject from app to world port 27 proto tcp")
    net.weir("policy add reject from app to world port 27 proto udp")
    said = rejected("flags syn")
    assert "answer    a TCP reset to 10.3.0.7, as if from 192.0.2.1" in said
    assert said[-2:] == ["IPv4 192.0.2.1 > 10.3.0.7, 40 bytes, ttl 64", "TCP 27 > 9 rst,ack, seq 0, ack 2"]
    assert "answer    an ICMP error, administratively prohibited, to 10.3.0.7, as if from 192.0.2.1" in rejected("proto udp")
    assert "answer    none: it is a fragment, a reset or an ICMP error, has IP options, or goes to a group" in rejected("flags rst")
    assert not any("MTU" in line for line in said)
    long = rejected("flags ack length 60000")
    assert "larger than the MTU of 1500: only one that is cut to segments behind here (GSO) leaves so" in long
    assert "size      its first 3500 bytes were looked at; the rest is payload, which policy does not read" in long
    assert "no rule, and host has no default" in net.weir("explain out dev out from 10.1.0.1:9 to 192.0.2.1:25").stdout
    assert "from      app, as was said" in net.weir("explain out dev out from 10.1.0.1:9 to 192.0.2.1:26 identity app").stdout


def test_recorded_and_bytes(net, tmp_path):
    afresh(net)
    frames = [built(net, IP(src="198.18.0.1", dst=VIP) / TCP(dport=port, flags="S")) for port in (80, 81, 82)]
    path = str(tmp_path / "seen.pcap")
    wrpcap(path, [Ether(frame) for frame in frames])
    ended = [("redirect", "forward-redirect"), ("drop", "rule-drop"), ("pass", "pass")]
    for words in (f"--pcap {path}:2", f"--hex {frames[1].hex(':')}"):
        done = net.weir(f"-j explain dev in {words}", check=False)
        hook = json.loads(done.stdout)["hooks"][0]
        assert (hook["verdict"], hook["reason"], done.returncode) == (*ended[1], 3)
    answers = json.loads(net.weir(f"-j explain dev in --pcap {path}", check=False).stdout)["packets"]
    assert [(answer["hooks"][0]["verdict"], answer["hooks"][0]["reason"]) for answer in answers] == ended
    assert net.weir(f"explain dev in --pcap {path}:4", check=False).stderr.endswith("has 3 packets\n")


@pytest.mark.parametrize("words, error", [
    ("dev in", "which packet?\nhint: from 198.51.100.7:4431 to 203.0.113.10:443, or --pcap FILE, or --hex BYTES"),
    ("from 198.18.0.1 to 203.0.113.10", "on which device?\nhint: dev DEV says it: in, out"),
    ("in out dev in from 198.18.0.1 to 203.0.113.10", "a packet comes in or leaves"),
    ("dev in from 198.18.0.1", "to whom?\nhint: from 198.51.100.7:4431 to 203.0.113.10:443, or --pcap FILE, or --hex BYTES"),
    ("dev in from 198.18.0.1:x to 203.0.113.10", "'198.18.0.1:x' is not an address and port\n"
     "hint: write 198.51.100.7:4431, [2001:db8::7]:4431, or an address alone"),
    ("dev in from 198.18.0.1 to 2001:db8::1", "'198.18.0.1' and '2001:db8::1' are of two families\n"
     "hint: two IPv4 or two IPv6 addresses"),
    ("dev in from 198.18.0.1 to 203.0.113.10 ttl 1-2", "'1-2' is more than one, and this is one packet"),
    ("dev in from 198.18.0.1 to 203.0.113.10 proto icmpv6", "there is no such packet: icmp is IPv4's, icmpv6 IPv6's"),
    ("dev in from 198.18.0.1 to 203.0.113.10 uid 0", "who sends is told by a socket here only of packets that leave\n"
     "hint: weir explain out ..."),
    ("dev in --hex 0g", "'0g' is not a byte\nhint: a byte is two hexadecimal digits: 5a, 5a5a5a5a"),
    ("dev in --hex 00", "a packet of 1 bytes has no Ethernet header"),
])
def test_refused(net, words, error):
    done = net.weir(f"explain {words}", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"weir: {error}\n")


# ---- the programs that are attached

NOTES = re.compile(r"\b(FOUND|FOUND_RULE|REACHED|FOUND_BY|own_hop|own_flow)\(")


def arguments(text, at):
    """those of a macro whose parenthesis opens before `at`, and where it ends"""
    depth, begin, found = 1, at, []
    while depth:
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        if (text[at] == "," and depth == 1) or not depth:
            found.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    return found, at


def without_notes(text):
    """the source as if nobody had ever wanted an explanation"""
    text = re.sub(r"#ifdef WEIR_EXPLAIN.*?#else\n(.*?)#endif", r"\1", text, flags=re.S)
    while note := NOTES.search(text):
        words, end = arguments(text, note.end())
        rest = {"FOUND_BY": f"({words[-1]})", "own_hop": f"({words[0]})", "own_flow": f"({words[0]})"}.get(note[1], "(void)0")
        text = text[:note.start()] + rest + text[end:]
    text = re.sub(r"\bCHANGES\b", "true", text)
    return text.replace('#include "bpf/explain.h"', "#include <stdbool.h>")


def code(path):
    """the instructions: executable sections of an ELF object by name"""
    data = open(path, "rb").read()
    at, = struct.unpack_from("=Q", data, 40)
    size, count, names = struct.unpack_from("=HHH", data, 58)
    headers = [struct.unpack_from("=IIQQQQ", data, at + size * n) for n in range(count)]
    name = lambda offset: data[headers[names][4] + offset:].split(b"\0", 1)[0]
    return {name(n): data[offset:offset + length] for n, kind, flags, _, offset, length in headers if flags & 4 and kind == 1}


@pytest.mark.parametrize("source", ["xdp/weir", "tc/egress", "tc/ingress", "xdp/decap"])
def test_attached_programs_have_no_instruction_more(tmp_path, source):
    for room in ("include/weir", "include/bpf", "xdp", "tc"):
        shutil.copytree(f"{ROOT}/{room}", tmp_path / room)
    for path in [*tmp_path.glob("include/bpf/*"), *tmp_path.glob("xdp/*"), *tmp_path.glob("tc/*")]:
        path.write_text(without_notes(path.read_text()))
    os.remove(tmp_path / "include/bpf/explain.h")
    flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Iinclude", f"-I/usr/include/{os.uname().machine}-linux-gnu"]
    with_them, without = tmp_path / "with.o", tmp_path / "without.o"
    for directory, target in ((ROOT, with_them), (tmp_path, without)):
        subprocess.run(["clang", *flags, "-c", f"{source}.bpf.c", "-o", target], cwd=directory, check=True)
    assert code(with_them) and code(with_them) == code(without)
