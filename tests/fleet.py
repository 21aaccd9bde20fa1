# SPDX-License-Identifier: GPL-2.0-only
"""Two balancers behind a router that spreads flows over both, which share nothing but the order of the commands.

    client --- eth0  router  lb1, lb2 --- eth0  lb1, lb2  eth1 --- switch --- b1, b2, ...

VIPs are ports of one address; that of port 80 is called p80.
"""
from held import FLOOD_FROM
from lab import until

VIP = "203.0.113.10"


def backends(lab, addresses, gateway):
    """hosts behind the switch, which answer the client themselves"""
    for name, address in addresses.items():
        lab.ns(name)
        lab.veth(name, "eth0", [f"{address}/24"], "switch", name, [], mtu=1540)
        lab.ip("switch", f"link set {name} master br0")
        lab.ip(name, f"route add default via {gateway}")
        lab.ip(name, f"route add blackhole {FLOOD_FROM}")
        lab.ip(name, f"addr add {VIP}/32 dev lo")
        lab.by_hand(name, "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=f"{lab.instance}-{name}")


def switch(lab):
    lab.ns("switch")
    lab.ip("switch", "link add br0 type bridge mcast_snooping 0")
    lab.ip("switch", "link set br0 up")


def two_balancers(lab, addresses, first_port, last_port):
    """the lab, with servers that echo on these ports of the backends (name: address)"""
    lab.ns("router", router=True), lab.ns("client")
    switch(lab)
    lab.veth("client", "eth0", ["198.51.100.2/16"], "router", "eth0", ["198.51.100.1/16"])
    lab.ip("client", "route add default via 198.51.100.1")
    lab.sysctl("router", "net/ipv4/fib_multipath_hash_policy", 1)
    for n in (1, 2):
        lb = lab.ns(f"lb{n}", router=True)
        lab.instances.append(f"{lab.instance}-{lb}")
        lab.veth("router", lb, [f"192.0.2.{n * 16}/28"], lb, "eth0", [f"192.0.2.{n * 16 + 1}/28"])
        lab.veth(lb, "eth1", [f"10.1.0.{n}/24"], "switch", lb, [], mtu=1540)
        lab.ip("switch", f"link set {lb} master br0")
        lab.ip(lb, "route add default via 192.0.2.%d" % (n * 16))
    lab.veth("router", "back", ["10.1.0.9/24"], "switch", "router", [], mtu=1540)
    lab.ip("switch", "link set router master br0")
    backends(lab, addresses, "10.1.0.9")
    for name in addresses:
        lab.serve(name, "echo_tcp.py", first_port, last_port)


def one(lab, n, command, **more):
    return lab.weir(command, ns=f"lb{n}", instance=f"{lab.instance}-lb{n}", **more)


def both(lab, command, **more):
    """the same on both balancers"""
    for n in (1, 2):
        one(lab, n, command, **more)


def phases(lab, n, ports):
    return {lab.weir_json(f"vip show p{port}", ns=f"lb{n}", instance=f"{lab.instance}-lb{n}")["phase"] for port in ports}


def until_hold(lab, ports):
    for n in (1, 2):
        until(lambda: phases(lab, n, ports) == {"hold"}, timeout=30)


def spread(lab, *balancers):
    hops = " ".join(f"nexthop via 192.0.2.{n * 16 + 1}" for n in balancers)
    lab.ip("router", f"route replace {VIP}/32 {hops}")


def restart(lab, n, ports):
    """a balancer is lost with all that it knew, and begins anew from what was saved: the configuration and the rings"""
    saved = one(lab, n, "save").stdout
    rings = {port: one(lab, n, f"ring save p{port}").stdout for port in ports}
    spread(lab, 3 - n)
    one(lab, n, "reset")
    one(lab, n, "attach eth0")
    one(lab, n, "apply -", stdin=saved)
    for port, ring in rings.items():
        one(lab, n, f"ring load p{port} -", stdin=ring)
    spread(lab, 1, 2)


def take_second_chances(lab, names):
    """decap.bpf.o as `weir decap` attaches it; what it sends back out of a veth needs an XDP program at the other end"""
    for name in names:
        lab.ip(name, "link set dev eth0 xdp off")
        lab.weir("decap attach eth0", ns=name, instance=f"{lab.instance}-{name}")
        lab.by_hand("switch", f"ip link set dev {name} xdp obj build/tests/bpf/foreign.bpf.o sec xdp")


def established(lab, name, first_port, last_port):
    """connections of a backend to these ports"""
    command = f"ss -Htn state established sport >= :{first_port} sport <= :{last_port}"
    return len(lab.run(name, command).stdout.splitlines())
