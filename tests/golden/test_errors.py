# SPDX-License-Identifier: GPL-2.0-only
"""What bad input gets: one line that says what and where, a hint, the exit status; and nothing changes."""
import os
import subprocess
import time

import pytest

from lab import BPFFS, WEIR

FAILED, USAGE, NO, PRIVILEGE, UNSUPPORTED = 1, 2, 3, 4, 5

# what runs when a command goes wrong
RUNNING = """\
drop add 198.51.100.0/24
allow add 192.0.2.10
vip add 203.0.113.10:443/tcp name www
backend add www 10.1.0.11 weight 100
identity add db cidr 10.2.0.0/24
policy add allow from host to db proto tcp port 5432
policy default deny from db
"""

COMMANDS = [
    # words
    ("frobnicate", USAGE, "unknown command 'frobnicate'\nhint: `weir help` lists the commands"),
    ("vpi list", USAGE, "unknown command 'vpi'\nhint: did you mean 'vip'?"),
    ("vip ad", USAGE, "unknown command 'vip ad'\nhint: did you mean 'vip add'?"),
    ("vip", USAGE, "'vip' alone is no command\nhint: one of these is missing: add, set, del, list, show"),
    ("drop add", USAGE, "PREFIX is missing\nhint: usage: drop add PREFIX... [for TIME] [until WHEN] [note TEXT] [--yes]"),
    ("vip add 192.0.2.1:80/tcp settle 5", USAGE, "'5' is not a time\nhint: numbers with w, d, h, m or s: 90s, 1h30m, 6h, 2d"),
    ("vip add 192.0.2.1:80/tcp hold 2w", USAGE, "'2w' is too long\nhint: a week at most"),
    ("vip list www", USAGE, "unexpected 'www'\nhint: usage: vip list"),
    ("attach eth0 --xdp fast", USAGE, "XDP cannot be 'fast'\nhint: one of native|skb|off"),
    ("attach eth0 --xdp off --tc off", USAGE,
     "nothing to attach: XDP and TC are both off\nhint: `weir detach eth0` takes programs off"),
    ("backend add www 10.1.0.12 wieght 1", USAGE,
     "unexpected 'wieght'\nhint: did you mean 'weight'? usage: backend add VIP ADDRESS [weight WEIGHT] [drain] [source SOURCE] [server-id SERVERID] [--now] [--queue]"),
    # options of VIPs and backends
    ("vip add 203.0.113.11:80/tcp mode tunnel", USAGE, "MODE cannot be 'tunnel'\nhint: one of ipip|gue|l2|nat"),
    ("vip add 203.0.113.11:80/tcp port 8080", USAGE, "'port' goes with 'mode nat' only"),
    ("vip add 203.0.113.11:80/tcp second-chance", USAGE, "'second-chance' goes with 'mode gue' only"),
    ("vip add 203.0.113.11:80/udp mss 1400", USAGE, "'mss' goes with TCP only"),
    ("vip add 203.0.113.11:80/tcp mss 100", USAGE, "'100' is not an MSS\nhint: it is a number, 536 to 65535"),
    ("vip add 203.0.113.11:443/tcp quic cid-offset 1 cid-length 2", USAGE, "'quic' goes with UDP only"),
    ("vip add 203.0.113.11:443/udp quic cid-offset 15 cid-length 8", USAGE, "a connection id has at most 20 bytes (RFC 9000)"),
    ("vip add 203.0.113.11:any/tcp mode nat port 80", USAGE, "a VIP of any port cannot be mapped to one port"),
    ("backend add www 10.1.0.12 source 2001:db8::1", USAGE, "source '2001:db8::1' is not of the backend's address family"),
    ("backend add www 10.1.0.12 server-id 0xab", USAGE, "'0xab' is not a server id\n"
     "hint: it is 1 to 8 bytes, two lower-case hex digits each: c0de07"),
    # addresses, prefixes, ports, weights
    ("drop add 300.1.1.1", USAGE, "'300.1.1.1' is not an address\nhint: 300 is out of range: 0 to 255"),
    ("drop add 1.2.3", USAGE, "'1.2.3' is not an address\nhint: an IPv4 address has four numbers, this has 3"),
    ("drop add 10.0.0.0/33", USAGE,
     "'10.0.0.0/33' has no valid prefix length\nhint: the length of an IPv4 prefix is 0 to 32"),
    ("drop add 2001:db8::/129", USAGE,
     "'2001:db8::/129' has no valid prefix length\nhint: the length of an IPv6 prefix is 0 to 128"),
    ("drop add ::ffff:10.0.0.1", USAGE,
     "'::ffff:10.0.0.1' is an IPv4-mapped IPv6 address\nhint: write it as IPv4: 10.0.0.1"),
    ("drop add 10.0.0.1/8", USAGE,
     "'10.0.0.1/8' has host bits set\nhint: did you mean 10.0.0.0/8, or the single address 10.0.0.1?"),
    ("drop add 2001:db8::1/32", USAGE, "'2001:db8::1/32' has host bits set\n"
     "hint: did you mean 2001:db8::/32, or the single address 2001:db8::1?"),
    ("vip add 203.0.113.10:65536/tcp", USAGE,
     "'203.0.113.10:65536/tcp' has no valid port\nhint: a port is 1 to 65535, or 'any'"),
    ("vip add 203.0.113.10:0/tcp", USAGE,
     "'203.0.113.10:0/tcp' has no valid port\nhint: a port is 1 to 65535, or 'any'"),
    ("vip add 203.0.113.10:80/sctp", USAGE,
     "'203.0.113.10:80/sctp' names no protocol to balance\nhint: it ends in /tcp or /udp"),
    ("vip add 2001:db8::10:80/tcp", USAGE,
     "'2001:db8::10:80/tcp' is not a service\nhint: an IPv6 address stands in brackets: [2001:db8::10]:443/tcp"),
    ("vip add 203.0.113.11:80/tcp name WWW", USAGE,
     "'WWW' cannot name a VIP\nhint: a name begins with a-z and goes on with a-z, 0-9, '_', '.' or '-'"),
    ("vip add 203.0.113.11:80/tcp name weight", USAGE,
     "'weight' cannot name a VIP: it is a keyword\nhint: 'weight1' could"),
    ("backend add www 10.1.0.12 weight 65536", USAGE,
     "'65536' is not a weight\nhint: a weight is a number, 0 to 65535"),
    ("backend add www 10.1.0.12 weight -1", USAGE, "'-1' is not a weight\nhint: a weight is a number, 0 to 65535"),
    ("policy add allow from db to world proto tcp port 90-80", USAGE,
     "port range 90-80 goes backwards\nhint: did you mean 80-90?"),
    ("policy add allow from db to world port 80", USAGE,
     "a port needs a protocol that has ports\nhint: add 'proto tcp' or 'proto udp'"),
    ("identity add x cidr 10.2.0.1/24", USAGE,
     "'10.2.0.1/24' has host bits set\nhint: did you mean 10.2.0.0/24, or the single address 10.2.0.1?"),
    # identities and rules
    ("identity add x unit a/b", USAGE, "'a/b' is not a unit's name\n"
     "hint: write it as systemctl does: app.service, or app; a path goes with cgroup"),
    ("identity add x iface much-too-long-a-name", USAGE,
     "'much-too-long-a-name' cannot name a network device\nhint: `ip -br link` lists those that there are"),
    ("identity add x mark 0x1g", USAGE,
     "'0x1g' is not a packet mark\nhint: a mark is a number or NUMBER/MASK, as 16, 0x10 or 0x10/0xf0"),
    ("identity add x mark 0x11/0xf0", USAGE,
     "mark '0x11/0xf0' has bits outside of its mask\nhint: did you mean 0x10/0xf0?"),
    ("identity add x mark 0/0xf0", USAGE,
     "mark '0/0xf0' is that of every packet which nobody marked\nhint: choose a number other than 0"),
    ("identity add x uid root", USAGE, "'root' is not a user's number\nhint: `id -u NAME` prints it"),
    ("identity add x uid 4294967295", USAGE, "'4294967295' is not a user's number\nhint: `id -u NAME` prints it"),
    ("policy add permit from db to world", USAGE, "ACTION cannot be 'permit'\nhint: one of allow|deny|reject|audit"),
    ("policy default reject from db", USAGE, "ACTION cannot be 'reject'\nhint: one of allow|deny|audit"),
    ("policy add allow from db to world icmp 8", USAGE,
     "a type of ICMP needs to know which ICMP\nhint: add 'proto icmp' or 'proto icmpv6'"),
    ("policy add allow from db to world proto icmp icmp 8/256", USAGE,
     "'256' is not a code of ICMP\nhint: a code is a number, 0 to 255"),
    ("policy add allow from db to world proto icmp icmp echo-requst", USAGE,
     "'echo-requst' is not a type of ICMP\nhint: did you mean 'echo-request'?"),
    ("policy add allow from db to world proto icmp port 8", USAGE,
     "a port needs a protocol that has ports\nhint: add 'proto tcp' or 'proto udp'"),
    ("policy add allow from db to world for 10", USAGE,
     "'10' is not a time\nhint: numbers with w, d, h, m or s: 90s, 1h30m, 6h, 2d"),
    ("policy add allow from db to world until tomorrow", USAGE,
     "'tomorrow' is not a UTC time\nhint: it is written like this: 2026-11-21T07:00:00Z"),
    ("policy add allow from db to world for 1h until 2030-01-31T12:00:00Z", USAGE,
     "both 'for' and 'until' are given\nhint: leave one of them out"),
    (f"policy add allow from db to world note {'n' * 128}", USAGE,
     f"the note '{'n' * 40}...' is too long\nhint: a note has up to 127 bytes, this has 128"),
    ("policy failsafe dns on", FAILED, "the failsafe 'dns' is on already\nhint: leave it out"),
    ("policy failsafe 123/udp off", FAILED, "the failsafe '123/udp' is off already\nhint: leave it out"),
    ("policy failsafe ssh off", USAGE,
     "there is no failsafe 'ssh'\nhint: write dns, dhcp or PORT/PROTO of a service elsewhere; `weir failsafe` is for this host's own"),
    ("policy test --from db", USAGE, "DESTINATION is missing\nhint: usage: policy test --from FROM --to DESTINATION"),
    ("policy test --from db --to 10.2.0.5", USAGE, "'10.2.0.5' is not a destination\n"
     "hint: write 10.2.0.5:5432/tcp, [2001:db8::5]:53/udp, 10.2.0.5/icmp/8 or 10.2.0.5/47"),
    ("policy test --from 2001:db8::1 --to 10.2.0.5:1/tcp", USAGE,
     "'2001:db8::1' and the destination are of two families\nhint: ask with two IPv4 or two IPv6 addresses"),
    ("policy replay", USAGE, "nothing to replay\nhint: name a recording that `tcpdump -w FILE` made, or say --flows"),
    ("policy replay /dev/null", USAGE, "cannot read packets from '/dev/null': truncated dump file; tried to read 4 file "
     "header bytes, only got 0\nhint: a recording is what `tcpdump -w FILE` writes"),
    # duplicates
    ("drop add 192.0.2.1 192.0.2.1", USAGE, "'192.0.2.1' is given twice\nhint: leave it out once"),
    ("drop add 192.0.2.1 198.51.100.0/24", FAILED, "'198.51.100.0/24' is in the drop list already\nhint: leave it out"),
    ("allow add 192.0.2.10", FAILED, "'192.0.2.10' is in the allow list already\nhint: leave it out"),
    ("set create drop", FAILED, "set 'drop' is there already\nhint: it is built in"),
    ("set create www2 x", USAGE, "unexpected 'x'\nhint: usage: set create NAME"),
    ("set create for", USAGE, "'for' cannot name a set: it is a keyword\nhint: 'for1' could"),
    ("set delete allow", USAGE, "the set 'allow' is built in\nhint: `weir set flush allow` empties it"),
    ("set add dorp 192.0.2.1", FAILED, "no set 'dorp'\nhint: did you mean 'drop'?"),
    ("drop add 192.0.2.1 for 1x", USAGE, "'1x' is not a time\nhint: numbers with w, d, h, m or s: 90s, 1h30m, 6h, 2d"),
    ("drop add 192.0.2.1 for 0s", USAGE, "'0s' is no time at all\nhint: 1s is the shortest"),
    ("drop add 192.0.2.1 for 99999w", USAGE, "'99999w' is too far in the future\nhint: what holds for good is given no time"),
    ("drop add 192.0.2.1 until 2026-02-30T00:00:00Z", USAGE,
     "'2026-02-30T00:00:00Z' is not a UTC time\nhint: it is written like this: 2026-11-21T07:00:00Z"),
    ("drop add 192.0.2.1 until 2001-01-01T00:00:00Z", USAGE, "'2001-01-01T00:00:00Z' is past"),
    ("drop add 192.0.2.1 for 1h until 2099-01-01T00:00:00Z", USAGE,
     "both 'for' and 'until' are given\nhint: leave one of them out"),
    ("vip add 203.0.113.10:443/tcp", FAILED, "VIP 203.0.113.10:443/tcp is there already\nhint: its name is 'www'"),
    ("vip add 203.0.113.11:443/tcp name www", FAILED,
     "the name 'www' is taken\nhint: it is that of 203.0.113.10:443/tcp"),
    ("backend add www 10.1.0.11", FAILED, "VIP 'www' has backend 10.1.0.11 already\nhint: its weight is 100"),
    ("identity add db cidr 10.2.0.0/24", FAILED, "'10.2.0.0/24' is given twice for identity 'db'\nhint: leave it out"),
    ("policy add allow from host to db proto tcp port 5432", FAILED,
     "the same rule is there already\nhint: its number is 1"),
    # unknown names
    ("backend add wwv 10.1.0.12", FAILED, "no VIP 'wwv'\nhint: did you mean 'www'?"),
    ("backend add mail 10.1.0.12", FAILED, "no VIP 'mail'\nhint: `weir vip list` shows those that there are"),
    ("backend del www 10.1.0.12", FAILED,
     "VIP 'www' has no backend 10.1.0.12\nhint: did you mean '10.1.0.11'?"),
    ("vip del wwv", FAILED, "no VIP 'wwv'\nhint: did you mean 'www'?"),
    ("identity refresh dbx", FAILED, "no identity 'dbx'\nhint: did you mean 'db'?"),
    ("identity add x iface eth9", FAILED, "no network device 'eth9'\nhint: did you mean 'eth0'?"),
    ("identity add x unit no-such-unit", FAILED, "the unit 'no-such-unit.service' has no cgroup\n"
     "hint: it must run by now: systemctl start no-such-unit.service"),
    ("policy test --from dbx --to 10.2.0.5:1/tcp", FAILED, "no identity 'dbx'\nhint: did you mean 'db'?"),
    ("policy add allow from host to dbx", FAILED, "no identity 'dbx'\nhint: did you mean 'db'?"),
    ("policy del 99", FAILED, "no policy rule 99\nhint: `weir policy list` shows those that there are"),
    ("identity del dbx", FAILED, "no identity 'dbx'\nhint: did you mean 'db'?"),
    ("identity del db", FAILED,
     "identity 'db' is used by policy rule 1\nhint: remove it first: weir policy del 1"),
    ("drop del 192.0.2.1", FAILED,
     "'192.0.2.1' is not in the drop list\nhint: `weir set list drop` shows those that are"),
    ("drop del 198.51.100.0/24 192.0.2.1", FAILED,
     "'192.0.2.1' is not in the drop list\nhint: `weir set list drop` shows those that are"),
    ("attach eth1", FAILED, "no network device 'eth1'\nhint: did you mean 'eth0'?"),
    ("detach eth0", FAILED, "nothing of this instance is attached to 'eth0'\nhint: `weir status` shows where something is"),
    ("apply /no/such/file", FAILED, "cannot open '/no/such/file': No such file or directory"),
    ("apply /tmp", FAILED, "cannot open '/tmp': Is a directory"),
    ("drop load /no/such/file", FAILED, "cannot open '/no/such/file': No such file or directory"),
    ("save /no/such/dir/file", FAILED, "cannot write '/no/such/dir/file': No such file or directory"),
    ("help frobnicate", USAGE, "no command begins with 'frobnicate'\nhint: `weir help` lists the commands"),
]


@pytest.fixture(scope="module")
def running(box):
    box.weir("reset")
    box.weir("apply -", stdin=RUNNING)
    yield box
    box.weir("reset")


@pytest.mark.parametrize("command,status,message", COMMANDS, ids=[c[0].replace("/", "|") for c in COMMANDS])
def test_command(running, command, status, message):
    before = running.weir("save").stdout
    done = running.weir(command, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == f"weir: {message}\n"
    assert running.weir("save").stdout == before


FILES = [
    ("vip add 203.0.113.10:443/tcp name www\n\tbackend add wwv 10.1.0.1\n", """\
weir: FILE:2:14: no VIP 'wwv'
\tbackend add wwv 10.1.0.1
\t            ^
hint: did you mean 'www'?
"""),
    ("# ünïcode\nidentity add ü cidr 10.0.0.0/8\n", """\
weir: FILE:2:14: 'ü' cannot name an identity
identity add ü cidr 10.0.0.0/8
             ^
hint: a name begins with a-z and goes on with a-z, 0-9, '_', '.' or '-'
"""),
    ("drop add 10.0.0.0/8 10.1.2.3/16\n", """\
weir: FILE:1:21: '10.1.2.3/16' has host bits set
drop add 10.0.0.0/8 10.1.2.3/16
                    ^
hint: did you mean 10.1.0.0/16, or the single address 10.1.2.3?
"""),
    ("vip list\n", """\
weir: FILE:1:1: 'vip list' is a command, not configuration
vip list
^
hint: a configuration says what there is, with drop add, allow add, vip add, backend add, ...
"""),
    ("vip add\n", """\
weir: FILE:1:9: SERVICE is missing
vip add
        ^
hint: usage: vip add SERVICE [PORTPROTO] [name NAME] [pool POOL] [settle SETTLE] [hold HOLD] [track] [mode ipip|gue|l2|nat] [port PORT] [second-chance] [mss MSS] [affinity source] [quic cid-offset CIDOFFSET cid-length CIDLENGTH]
"""),
    ('identity add app cgroup "/a b\n', """\
weir: FILE:1:25: quote not closed
identity add app cgroup "/a b
                        ^
hint: a '"' inside of quotes is written \\"
"""),
    ("drop add 10.0.0.0/8\ndrop add 10.0.0.0/8\n", """\
weir: FILE:2:10: '10.0.0.0/8' is in the drop list already
drop add 10.0.0.0/8
         ^
hint: leave it out
"""),
    ("policy default deny from app\n", """\
weir: FILE:1:26: no identity 'app'
policy default deny from app
                         ^
hint: there are any, world, host, and what `weir identity add` makes
"""),
    ("\x1b[31mred\n", """\
weir: FILE:1:1: unknown command '?[31mred'
?[31mred
^
hint: `weir help` lists the commands
"""),
    ("vip add 203.0.113.10:443/tcp name www\nvip add 203.0.113.10:443/tcp name w2\n", """\
weir: FILE:2:9: VIP 203.0.113.10:443/tcp is there already
vip add 203.0.113.10:443/tcp name w2
        ^
hint: its name is 'www'
"""),
]


@pytest.mark.parametrize("text,message", FILES, ids=range(len(FILES)))
@pytest.mark.parametrize("command", ["check", "apply", "diff"])
def test_file(running, tmp_path, command, text, message):
    """check, apply and diff say the same of a bad file, and nothing changes"""
    before = running.weir("save").stdout
    path = tmp_path / "weir.conf"
    path.write_text(text)
    done = running.weir([command, path], check=False)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr == message.replace("FILE", str(path))
    assert running.weir("save").stdout == before


def test_caret_of_a_long_line(running, tmp_path):
    """of a line that is too long to show, the part around the mistake is shown"""
    path = tmp_path / "weir.conf"
    path.write_text("drop add " + " ".join(f"10.{i >> 8}.{i & 255}.1" for i in range(2000)) + " 10.0.0.1/8\n")
    lines = running.weir(["check", path], check=False).stderr.splitlines()
    assert "'10.0.0.1/8' has host bits set" in lines[0]
    assert lines[1][lines[2].index("^"):] == "10.0.0.1/8"


def test_million_lines_with_a_bad_one(running, tmp_path):
    path = tmp_path / "list.txt"
    with open(path, "w") as f:
        for i in range(1_000_000):
            f.write("1.2.3.4/8\n" if i == 765_432 else f"{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24\n")
    before, began = running.weir("save").stdout, time.monotonic()
    done = running.weir(["drop", "load", path], check=False)
    assert done.returncode == USAGE
    assert done.stderr == (f"weir: {path}:765433:1: '1.2.3.4/8' has host bits set\n1.2.3.4/8\n^\n"
                           "hint: did you mean 1.0.0.0/8, or the single address 1.2.3.4?\n")
    assert time.monotonic() - began < 10
    assert running.weir("save").stdout == before


def test_full_table_names_the_limit(weir):
    lines = "".join(f"vip add 203.0.113.{1 + i % 250}:{1000 + i // 250}/tcp\n" for i in range(1024))
    done = weir("apply -", stdin=lines)
    assert done.returncode == USAGE
    assert "table full: 1023 virtual services (VIPs) is the limit" in done.stderr
    assert "hint: raise VIPS in include/weir/limits.def" in done.stderr
    assert weir("apply -", stdin=lines[:lines[:-1].rindex("\n") + 1]).returncode == 0
    assert weir("vip add 203.0.113.254:1/tcp").returncode == FAILED
    status = weir("status").stdout
    assert "\nwarn    tables      table VIPS is 99 % full: 1023 of 1024 virtual services (VIPs)\n" in status


def test_nothing_there_yet(weir):
    done = weir("vip list")
    assert done.returncode == FAILED
    assert "nothing is pinned" in done.stderr and "hint: `weir attach DEV` starts one" in done.stderr
    status = weir("status")
    assert status.returncode == 0 and "nothing there" in status.stdout


def test_mistake_creates_nothing(weir, box):
    """a first command that is wrong leaves no pins behind"""
    assert weir("backend add www 10.1.0.1").stderr == \
        "weir: no VIP 'www'\nhint: there is none yet: `weir vip add` makes one\n"
    weir("drop add 10.0.0.1/8")
    assert not os.path.exists(box.pin_dir(box.instance))


def test_cgroup_that_is_not_there(weir):
    done = weir("identity add x cgroup /no/such/cgroup")
    assert done.returncode == FAILED
    assert done.stderr.startswith("weir: there is no cgroup '/no/such/cgroup'\nhint: it must exist below ")


def test_bad_instance(box):
    done = subprocess.run([WEIR, "-i", "../../tmp", "status"], capture_output=True, text=True)
    assert done.returncode == USAGE and "bad instance name '../../tmp'" in done.stderr


def test_missing_namespace(box):
    done = subprocess.run([WEIR, "-n", "no-such-namespace", "status"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()[0]) == (FAILED, "weir: no network namespace 'no-such-namespace'")


def test_options():
    def weir(*words):
        return subprocess.run([WEIR, *words], capture_output=True, text=True)
    assert weir().returncode == USAGE and weir().stderr.startswith("usage: weir [-n NETNS]")
    assert weir("-x", "status").returncode == USAGE
    assert weir("-x").stderr.startswith("weir: unknown option '-x'\nhint: ")
    assert weir("-n").stderr == "weir: option '-n' needs a value\n"


def test_no_privilege(running, tmp_path):
    """exit status 4, but what needs no privilege works for everybody"""
    def as_nobody(*words):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", weir, *words],
                              capture_output=True, text=True, cwd="/", input=RUNNING)
    weir = tmp_path / "weir"
    weir.write_bytes(open(WEIR, "rb").read())
    weir.chmod(0o755)
    for parent in tmp_path, tmp_path.parent, tmp_path.parent.parent:
        parent.chmod(0o755)
    for command in ("status", "vip list", "drop add 192.0.2.1"):
        done = as_nobody("-i", running.instance, *command.split())
        assert done.returncode == PRIVILEGE and done.stderr.startswith("weir: ") and "hint: " in done.stderr, done
    for command in ("version", "help", "check -", "completion"):
        assert as_nobody(*command.split()).returncode == 0


def test_bpffs_not_mounted(running):
    done = subprocess.run(["unshare", "-m", "sh", "-c", f"umount {BPFFS} && exec {WEIR} -i {running.instance} vip list"],
                          capture_output=True, text=True)
    assert done.returncode == FAILED
    assert f"hint: mount -t bpf -o mode=0700 bpf {BPFFS}" in done.stderr, done.stderr


def test_pins_of_another_version(weir, box):
    """are refused, and taken away by reset"""
    pins = os.path.join(box.pin_dir(box.instance), "tc/globals")
    weir("vip add 203.0.113.10:443/tcp")
    os.unlink(f"{pins}/weir_vips")
    subprocess.run(["bpftool", "map", "create", f"{pins}/weir_vips", "type", "array", "key", "4", "value", "8",
                    "entries", "16", "name", "weir_vips"], check=True)
    done = weir("vip list")
    assert done.returncode == FAILED
    assert done.stderr == (f"weir: pinned maps of another version: '{pins}/weir_vips' is not as this weir makes it\n"
                           f"hint: `weir -i {box.instance} reset` takes them and their programs away\n")
    assert weir("reset").returncode == 0
    assert not os.path.exists(pins)
    assert weir("vip add 203.0.113.10:443/tcp").returncode == 0
