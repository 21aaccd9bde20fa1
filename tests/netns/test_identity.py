# SPDX-License-Identifier: GPL-2.0-only
"""Who a sender is: real programs in cgroups and units, under users, with marks, behind a device of their own.

  shop 10.2.0.2 --- eth0  h  box0 --- eth0 10.5.0.2 box
"""
import os
import subprocess
import time

import pytest

from lab import Lab, ensure_cgroup2, until
from topology import afresh

SHOP, SHOP6, BOX = "10.2.0.2", "2001:db8:2::2", "10.5.0.2"


@pytest.fixture(scope="module")
def built():
    with Lab() as lab:
        lab.ns("h", router=True), lab.ns("shop"), lab.ns("box")
        lab.veth("h", "eth0", ["10.2.0.1/24", "2001:db8:2::1/64"], "shop", "eth0", [f"{SHOP}/24", f"{SHOP6}/64"])
        lab.veth("h", "box0", ["10.5.0.1/24"], "box", "eth0", [f"{BOX}/24"])
        lab.ip("shop", "route add 10.5.0.0/24 via 10.2.0.1")
        lab.ip("box", "route add default via 10.5.0.1")
        lab.http("shop", port=80)
        lab.http("shop", port=81)
        lab.weir("attach eth0 --xdp off")
        yield lab


@pytest.fixture
def net(built):
    with afresh(built):
        yield built


def asks(lab, port=80, ns="h", host=SHOP, **run):
    return lab.curl(ns, f"http://{host}:{port}/", check=False, max_time=1, **run) is not None


@pytest.fixture
def units(net):
    """make cgroups as systemd does: a slice with units in it"""
    root = f"/weir-{net.name}.slice"

    def make(unit):
        os.makedirs(f"{ensure_cgroup2()}{root}/{unit}", exist_ok=True)
        made.append(f"{root}/{unit}")
        return made[-1]
    made = []
    yield make
    for path in [*reversed(made), root]:
        until(lambda path=path: remove(ensure_cgroup2() + path))


def remove(path):
    try:
        for name in os.listdir(path):
            if os.path.isdir(f"{path}/{name}"):
                remove(f"{path}/{name}")
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def test_unit(net, units):
    """by name, with and without its type; what runs outside of it, and beside it, is not meant"""
    name = net.name + "-app"
    app, other = units(f"{name}.service"), units(f"{net.name}-other.service")
    net.weir(f"identity add app unit {name}")
    net.weir("policy add deny from app to any proto tcp port 80")
    assert not asks(net, cgroup=app) and not asks(net, cgroup=app, host=f"[{SHOP6}]")
    assert asks(net, cgroup=app, port=81) and asks(net, cgroup=other) and asks(net)
    inner = units(f"{name}.service/worker")
    assert not asks(net, cgroup=inner), "descendants are included"
    assert f"identity add app unit {name}.service\n" in net.weir("save").stdout


def test_unit_starts_again(net, units):
    """a new cgroup by the same name: status says so, refresh takes it up, whatever else changed meanwhile"""
    name = f"{net.name}-app.service"
    path = units(name)
    net.weir(f"identity add app unit {name}")
    net.weir("policy default deny from app")
    assert not asks(net, cgroup=path) and "unit" not in net.weir("status").stdout.replace("cgroups, units", "")
    os.rmdir(ensure_cgroup2() + path)
    assert f"identity 'app': unit '{name}' has vanished" in net.weir("status").stdout
    net.weir("identity add more cidr 192.0.2.1")  # other changes go on
    units(name)
    assert asks(net, cgroup=path)
    assert f"unit '{name}' is another one than before" in net.weir("status").stdout
    with open(os.path.join(os.path.dirname(__file__), "../../dist/unit.conf")) as f:  # what the drop-in runs before the unit
        command = [line for line in f if line.startswith("ExecStartPre=+")][0]
    net.weir(command.partition("/weir ")[2].strip())
    assert not asks(net, cgroup=path) and "another one" not in net.weir("status").stdout


def test_unit_of_an_impostor(net, units):
    """inside of another unit anybody may make directories of any name: those are no units"""
    name = f"{net.name}-app.service"
    units(f"{net.name}-user@1000.service/{name}")
    failed = net.weir(f"identity add app unit {name}", check=False)
    assert failed.returncode == 1 and "has no cgroup" in failed.stderr


def test_nested_cgroups(net):
    """the deepest that has an identity counts"""
    outer, inner = net.cgroup("outer"), net.cgroup("outer/inner")
    deep = net.cgroup("outer/inner/deep")
    net.weir(f"identity add outer cgroup {outer}")
    net.weir(f"identity add inner cgroup {inner}")
    net.weir("policy default deny from outer")
    net.weir("policy add allow from inner to world proto tcp")
    assert not asks(net, cgroup=outer) and asks(net, cgroup=inner) and asks(net, cgroup=deep)


def test_uid(net):
    net.weir("identity add nobody uid 65534")
    net.weir("policy default deny from nobody")
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
    def curl(who, host=SHOP):
        return net.run("h", f"{who}curl -gsS --noproxy * --max-time 1 http://{host}:80/", check=False).returncode == 0
    assert curl("") and not curl(as_nobody) and not curl(as_nobody, f"[{SHOP6}]")
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    done = net.run("h", f"{as_nobody}curl -gsS --noproxy * --max-time 1 http://{SHOP}:80/", check=False, cgroup=app)
    assert done.returncode == 0, "a cgroup says more than a user"


def test_mark(net):
    """set by whoever may: here a program that may administer the network"""
    net.weir("identity add bulk mark 0x10/0xf0")
    net.weir("identity add urgent mark 0x12")
    net.weir("policy default deny from bulk")
    net.weir("policy default allow from urgent")
    script = ("import socket, sys; s = socket.socket(); s.settimeout(1); s.setsockopt(socket.SOL_SOCKET, 36, int(sys.argv[1]));"
              f"s.connect(('{SHOP}', 80))")
    def connects(mark):
        return net.run("h", ["python3", "-c", script, mark], check=False).returncode == 0
    assert connects(0) and not connects(0x11) and not connects(0x713) and connects(0x20)
    assert connects(0x12), "the more bits are compared, the more it says"


def test_device(net):
    """a container behind a veth: its traffic is forwarded"""
    net.weir("identity add box iface box0")
    net.weir("policy add deny from box to any proto tcp port 80")
    assert not asks(net, ns="box") and asks(net, ns="box", port=81) and asks(net)
    net.weir("identity add me cidr 10.2.0.1")
    net.weir("policy add deny from me to any proto tcp port 81")
    assert asks(net, ns="box", port=81) and not asks(net, port=81)


def test_device_as_receiver(net):
    net.weir("attach box0 --xdp off")
    net.http("box", port=80)
    net.weir("identity add box iface box0")
    net.weir("policy add deny from host to box proto tcp port 80")
    assert not asks(net, host=BOX) and asks(net)
    assert asks(net, ns="shop", host=BOX)
    net.weir("detach box0")


def test_device_comes_back(net):
    net.weir("identity add box iface box0")
    net.weir("policy default deny from box")
    net.ip("h", "link del box0")
    assert "iface 'box0' has vanished" in net.weir("status").stdout
    net.veth("h", "box0", ["10.5.0.1/24"], "box", "eth0", [f"{BOX}/24"])
    net.ip("box", "route add default via 10.5.0.1")
    assert "iface 'box0' is another one than before" in net.weir("status").stdout
    net.weir("identity refresh")
    assert not asks(net, ns="box")


def test_rule_that_ends(net):
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    net.weir("policy default deny from app")
    began = time.monotonic()
    net.weir("policy add allow from app to world proto tcp for 3s note \"a moment\"")
    assert asks(net, cgroup=app)
    time.sleep(max(0, began + 3.2 - time.monotonic()))
    assert not asks(net, cgroup=app)
    assert "over a moment" in net.weir("policy list").stdout
    net.weir("identity add x")  # the next change takes it away
    assert "a moment" not in net.weir("save").stdout


@pytest.mark.parametrize("shop", [SHOP, f"[{SHOP6}]"])
def test_reject_is_told_at_once(net, shop):
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    net.weir("policy add reject from app to any proto tcp port 80")
    began = time.monotonic()
    done = net.run("h", f"curl -gsS --noproxy * --max-time 5 http://{shop}:80/", check=False, cgroup=app)
    assert done.returncode == 7 and time.monotonic() - began < 2, (done.returncode, done.stderr)
    assert asks(net, host=shop)


# ---- before it hurts

def over_ssh(lab, command, connection="10.2.0.2 50000 10.2.0.1 22", **more):
    return subprocess.run(lab.weir_argv(command), capture_output=True, text=True,
                          env={**os.environ, "SSH_CONNECTION": connection}, **more)


def test_session_is_not_cut(net):
    """refused unless --yes; what does not concern the session goes through"""
    failed = over_ssh(net, "policy default deny from host")
    assert failed.returncode == 1
    assert failed.stderr == (
        "weir: this would cut your own connection, SSH from 10.2.0.2: the default of 'host', to 'world', does\n"
        "hint: allow it first, `weir policy add allow from host to world proto tcp`, or add --yes if you mean it\n")
    assert "policy" not in net.weir("save").stdout
    failed = over_ssh(net, "policy add reject from any to any proto tcp port 1024-65535")
    assert failed.returncode == 1 and ": policy rule 1, from 'host' to 'world', does\n" in failed.stderr
    failed = over_ssh(net, "apply -", input="policy default deny from any\n")
    assert failed.returncode == 1 and "your own connection" in failed.stderr
    assert over_ssh(net, "policy add deny from host to world proto udp").returncode == 0
    assert over_ssh(net, "policy add allow from host to world proto tcp").returncode == 0
    assert over_ssh(net, "policy default deny from host").returncode == 0
    failed = over_ssh(net, "policy del 2")
    assert failed.returncode == 1 and "default of 'host'" in failed.stderr
    assert over_ssh(net, "policy del 2 --yes").returncode == 0
    assert over_ssh(net, "policy add deny from host to any").returncode == 0, "cut already: it cannot get worse"


def test_session_and_refresh(net):
    """a device that came back would be the identity's again, which the session's packets may not be sent to"""
    net.weir("identity add box iface box0")
    net.weir("policy add deny from host to box")
    net.ip("h", "link del box0")
    net.veth("h", "box0", ["10.5.0.1/24"], "box", "eth0", [f"{BOX}/24"])
    net.ip("box", "route add default via 10.5.0.1")
    from_box = f"{BOX} 50000 10.5.0.1 22"
    failed = over_ssh(net, "identity refresh box", from_box)
    assert failed.returncode == 1
    assert failed.stderr.startswith(
        f"weir: this would cut your own connection, SSH from {BOX}: policy rule 1, from 'host' to 'box', does\n")
    assert "iface 'box0' is another one than before" in net.weir("status").stdout
    assert over_ssh(net, "identity refresh box --yes", from_box).returncode == 0
    assert "another one" not in net.weir("status").stdout
    assert over_ssh(net, "identity refresh", from_box).returncode == 0, "cut already"


def test_session_over_ipv6_and_nonsense(net):
    assert over_ssh(net, "policy default deny from host", "2001:db8:2::2 50000 2001:db8:2::1 22").returncode == 1
    for nonsense in ("", "here 1 there 2", "10.0.0.1 1 2001:db8::1 2", "10.2.0.2 99999 10.2.0.1 22"):
        assert over_ssh(net, "policy default deny from host", nonsense).returncode == 0
        net.weir("apply -", stdin="")


# ---- trying

def test_replay(net, tmp_path):
    """what was recorded, and what lives, under the policy that runs and under another"""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap
    ether = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
    ask = ether / IP(src="10.2.0.1", dst=SHOP)
    answer = ether / IP(src=SHOP, dst="10.2.0.1")
    wrpcap(str(tmp_path / "seen.pcap"), [
        ask / TCP(sport=1, dport=80, flags="S"), answer / TCP(sport=80, dport=1, flags="SA"),
        ask / TCP(sport=2, dport=80, flags="S"), ask / UDP(sport=3, dport=53), answer / UDP(sport=53, dport=3)])
    net.weir("policy add allow from host to world proto tcp")
    now = net.weir(f"policy replay {tmp_path}/seen.pcap")
    assert now.stdout == (f"SOURCE FROM DESTINATION TO FLOWS VERDICT\n10.2.0.1 host {SHOP}:53/udp world 1 ungoverned\n"
                          f"10.2.0.1 host {SHOP}:80/tcp world 2 policy-allow,rule-1\n")
    candidate = net.weir("save").stdout + "identity add shop cidr 10.2.0.2\npolicy default deny from host\n"
    candidate = candidate.replace("to world", "to any")
    before = net.weir("save").stdout
    then = net.weir(f"policy replay {tmp_path}/seen.pcap -f -", stdin=candidate, check=False)
    assert then.returncode == 3
    assert then.stdout == (f"SOURCE FROM DESTINATION TO FLOWS NOW THEN\n"
                           f"10.2.0.1 host {SHOP}:53/udp world 1 ungoverned default-deny\n")
    assert net.weir("save").stdout == before, "nothing was changed"
    assert net.weir(f"policy replay {tmp_path}/seen.pcap -f -", stdin=before).stdout.count("\n") == 1
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    net.weir("policy default allow from app")
    assert asks(net, cgroup=app)
    flows = net.weir_json("policy replay --flows")["flows"]
    assert ("app", f"{SHOP}:80/tcp", "default-allow") in [(f["from"], f["destination"], f["now"]["reason"]) for f in flows]
    candidate = net.weir("save").stdout.replace("default allow from app", "default deny from app")
    then = net.weir_json("policy replay --flows -f -", stdin=candidate, check=False)["flows"]
    assert [(f["from"], f["then"]["reason"]) for f in then] == [("app", "default-deny")]


def test_policy_test(net):
    """answers with 0 for what passes and 3 for what does not"""
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    net.weir("identity add shop cidr 10.2.0.0/24")
    assert net.weir("policy test --from app --to 10.2.0.5:5432/tcp").stdout.startswith("pass: ")
    net.weir("policy add deny from app to shop proto tcp port 5432")
    denied = net.weir("policy test --to 10.2.0.5:5432/tcp --from app", check=False)
    assert (denied.returncode, denied.stdout) == (3, (
        "policy-deny: denied by a policy rule\nfrom  app\nto    shop, 10.2.0.5:5432/tcp\n"
        "rule  1: policy add deny from app to shop proto tcp port 5432\n"))
    assert net.weir("policy test --from 10.5.0.2 --to 10.9.0.5:5432/tcp").stdout.startswith("ungoverned: ")
    assert "from  world" in net.weir("policy test --from 10.5.0.2 --to 10.9.0.5:5432/tcp").stdout
    assert "from  shop" in net.weir("policy test --from 10.2.0.1 --to 198.51.100.1:1/tcp").stdout
    assert "from  host" in net.weir("policy test --from 10.5.0.1 --to 198.51.100.1:1/tcp").stdout


def test_enforce(net):
    failed = net.weir("policy enforce", check=False)
    assert failed.returncode == 2 and "there is no policy to enforce" in failed.stderr
    net.weir("policy default allow from host")
    assert net.weir("policy enforce").stdout.endswith("live connections tracked\n")
    assert list(net.weir_json("policy enforce")) == ["flows"]


def test_first_policy_cuts_nothing(net):
    """a connection that lived before the first rule goes on under a policy that would not let it begin"""
    app = net.cgroup("app")
    net.weir(f"identity add app cgroup {app}")
    script = ("import socket, sys, time; s = socket.create_connection(('%s', 80), 5); print('ready', flush=True);"
              "sys.stdin.readline(); s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); s.settimeout(3);"
              "print('got', len(s.recv(4096)), flush=True)" % SHOP)
    process = subprocess.Popen(["nsenter", f"--net={net.path('h')}", "--", "python3", "-c", script], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=net._before_exec(app))
    try:
        assert process.stdout.readline() == "ready\n"
        net.weir("policy default deny from app")
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("got ")
        assert not asks(net, cgroup=app)
    finally:
        process.kill()
        process.wait()
