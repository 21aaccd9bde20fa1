# SPDX-License-Identifier: GPL-2.0-only
"""Text -> running dataplane -> text: what `save` prints `apply` accepts, that changes nothing, saving again is the same."""
import json
import os
import random
import re
import stat
import subprocess
import threading
import time

import pytest

from lab import TESTS

MESSY = """\
\ufeff# comments, blanks, both ways to write a service, any order that names allow

   vip   add\t203.0.113.10:443/tcp name www   # behind a line too
vip add 2001:DB8::10 53/udp name dns
vip add "203.0.113.10" any/tcp
backend add www 10.1.0.11
backend add 203.0.113.10:any/tcp 10.1.0.11 weight 0
backend add dns 2001:db8:0:0::0:11 weight 65535
drop add 203.0.113.7/32 198.51.100.0/24 2001:db8:bad::/48 0.0.0.0/0 ::/0
allow add 192.0.2.10
identity add db cidr 10.2.0.0/24
identity add db cidr 10.3.0.0/24
policy add allow from host to db proto tcp port 5432,80,443-444
policy add deny from any to any
policy default allow from db\r
"""
TIDY = """\
# weir configuration
drop add 0.0.0.0/0
drop add 198.51.100.0/24
drop add 203.0.113.7
drop add ::/0
drop add 2001:db8:bad::/48
allow add 192.0.2.10
vip add 203.0.113.10:443/tcp name www
backend add www 10.1.0.11 weight 100
vip add [2001:db8::10]:53/udp name dns
backend add dns 2001:db8::11 weight 65535
vip add 203.0.113.10:any/tcp
backend add 203.0.113.10:any/tcp 10.1.0.11 weight 0
identity add db cidr 10.2.0.0/24 10.3.0.0/24
policy add allow from host to db proto tcp port 80,443-444,5432
policy add deny from any to any
policy default allow from db
"""


def test_tidied(weir):
    assert weir("apply -", stdin=MESSY).stderr == ""
    assert weir("save").stdout == TIDY


def test_commands_are_lines(weir):
    """the same configuration, typed as commands"""
    for line in TIDY.splitlines()[1:]:
        done = weir(line)
        assert done.returncode == 0, done.stderr
    assert weir("save").stdout == TIDY


def test_notes(weir, tmp_path):
    """`check` notes what is right and may not be meant; the exit status is that of a good file"""
    path = tmp_path / "weir.conf"
    path.write_text("identity add net cidr 10.0.0.0/8 2001:db8::/32\nidentity add db cidr 10.2.0.0/16 10.2.3.0/24 2001:db8:1::/48\n"
                    "identity add one cidr 10.2.3.4 11.0.0.0/8\npolicy add allow from net to db until 2001-01-01T00:00:00Z\n")
    done = weir(["check", path])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == """\
note: '10.2.0.0/16' of identity 'db' lies inside '10.0.0.0/8' of 'net': the longer prefix counts
note: '10.2.3.4' of identity 'one' lies inside '10.2.3.0/24' of 'db': the longer prefix counts
note: '2001:db8:1::/48' of identity 'db' lies inside '2001:db8::/32' of 'net': the longer prefix counts
note: the time of this rule is over: policy add allow from net to db until 2001-01-01T00:00:00Z
"""
    assert json.loads(weir(["-j", "check", path]).stdout)["notes"] == [line[6:] for line in done.stdout.splitlines()]


def test_large_policy(weir):
    """10,000 rules over 100,000 prefixes compile while one waits, and each change after"""
    lines = [f"identity add i{k} cidr " + " ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(k * 1000, k * 1000 + 1000))
             for k in range(100)]
    lines += [f"policy add {'deny' if k % 3 else 'allow'} from i{k % 100} to i{k // 100} proto tcp port " +
              (f"{1 + k * 6}-{4 + k * 6}" if k % 2 else f"{443 + k % 7}") for k in range(10000)]
    began = time.monotonic()
    assert weir("apply -", stdin="\n".join(lines) + "\n").returncode == 0
    assert weir("policy add allow from i1 to world").returncode == 0
    entries = weir("policy list --compiled").stdout.count("\n") - 1
    assert 10000 <= entries <= 65536
    assert time.monotonic() - began < 10
    asked = weir("policy test --from 10.0.3.232 --to 10.0.0.5:8/tcp")
    assert asked.returncode == 3 and asked.stdout.startswith("policy-deny: "), asked.stdout


CHANGES = [  # each on top of those before it
    ("vip add 203.0.113.10:443/tcp name www", {}),
    ("backend add www 10.1.0.11", {}),
    ("backend del www 10.1.0.11", {}),
    ("vip del www", {}),
    ("identity add db cidr 10.2.0.0/24", {}),
    ("policy add deny from db to world", {}),
    ("policy default allow from db", {}),
    ("policy del 1", {}),
    ("drop add 10.0.0.1 10.0.0.2", {"added": 2}),
    ("drop del 10.0.0.1", {"deleted": 1}),
    ("allow add 10.0.0.1", {"added": 1}),
    ("allow del 10.0.0.1", {"deleted": 1}),
    ("set create bad", {}),
    ("set add bad 10.0.0.0/8 10.0.0.1 for 1h note why", {"added": 2}),
    ("set add bad 10.0.0.1 for 2h", {"added": 1}),
    ("set del bad 10.0.0.1", {"deleted": 1}),
    ("set flush bad", {}),
    ("set delete bad", {}),
    ("apply /dev/null", {}),
    ("save /dev/null", {}),
]


def test_changes(weir):
    """a command that changes something is silent, or answers with one document"""
    for command, answer in CHANGES:
        done = weir(command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    weir("reset")
    for command, answer in CHANGES:
        done = weir(f"-j {command}")
        assert (done.returncode, done.stderr, json.loads(done.stdout)) == (0, "", answer), command
    with open(f"{TESTS}/../lib/maps.def") as f:
        pins = sum(line.startswith("PLANE_MAP(") for line in f)
    assert weir("reset -j").stdout == f'{{"programs":0,"pins":{pins}}}\n'
    assert weir("reset").stdout == "detached 0 programs, removed 0 pins\n"


def random_rules(r):
    """none twice: of two that are the same, a difference does not say which is meant"""
    parts = [["", " on eth0"], ["", " from @drop", " from 10.0.0.0/8", " from not 198.51.100.0/24"],
             ["", " proto tcp dport 22,80-90 flags syn,!ack", " proto udp sport 53", " proto icmp icmp echo-request", " proto gre"],
             ["", " length 512-65535", " ttl 1-5", " fragment no", " vlan 7 dscp ef"], ["", ' note "x y"']]
    actions = ["drop", "pass", "count", "audit", "redirect eth0", "limit 5 pps per source", "limit 10 mbit burst 2mbit"]
    return {r.choice(actions) + "".join(r.choice(part) for part in parts): None for _ in range(r.randrange(25))}


def random_configuration(r):
    """lines in canonical order are not asked for"""
    vips = [(f"203.0.113.{i}", r.choice(["any", 80, 443, 65535]), r.choice(["tcp", "udp"])) for i in range(r.randrange(20))]
    lines = []
    for i, (addr, port, proto) in enumerate(vips):
        name = f"v{i}" if r.random() < .7 else None
        lines.append(f"vip add {addr}:{port}/{proto}" + (f" name {name}" if name else ""))
        for b in r.sample(range(1, 250), r.randrange(6)):
            backend = f"10.1.0.{b}" if r.random() < .7 else f"2001:db8:1::{b:x}"
            lines.append(f"backend add {name or f'{addr}:{port}/{proto}'} {backend} weight {r.randrange(65536)}")
    identities = [f"i{i}" for i in range(r.randrange(8))]
    for i, name in enumerate(identities):
        lines.append(f"identity add {name} cidr 10.{100 + i}.0.0/{r.randrange(16, 25)}")
    who = ["any", "world", "host", *identities]
    rules = {f"policy add {r.choice(['allow', 'deny'])} from {r.choice(who)} to {r.choice(who)}" +
             r.choice(["", " proto icmp", " proto tcp port 80", " proto udp port 53,1000-2000", " proto tcp"])
             for _ in range(r.randrange(20))}
    lines += sorted(rules)
    lines += [f"policy default {r.choice(['allow', 'deny'])} from {name}" for name in identities if r.random() < .5]
    lines += [f"rule add {rule}" for rule in random_rules(r)]
    lines += [f"rule default {r.choice(['pass', 'drop'])}{on}" for on in ("", " on eth0") if r.random() < .5]
    for kind in "drop", "allow":
        prefixes = {f"198.51.{r.randrange(256)}.{r.randrange(256)}" for _ in range(r.randrange(50))}
        lines += [f"{kind} add {prefix}" for prefix in prefixes]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(10))
def test_round_trip(weir, tmp_path, seed):
    text = random_configuration(random.Random(seed))
    done = weir("apply -", stdin=text)
    assert done.returncode == 0, done.stderr
    saved = weir("save").stdout
    assert sorted(saved.splitlines()[1:]) == sorted(text.splitlines())
    rules = weir("-j policy list").stdout, weir("-j vip list").stdout, weir("-j backend list").stdout
    path = tmp_path / "weir.conf"
    assert weir(["save", path]).returncode == 0
    assert weir("save -").stdout == saved
    assert path.read_text() == saved
    assert weir(["check", path]).returncode == 0
    done = weir(["diff", path])
    assert (done.returncode, done.stdout) == (0, "")
    assert weir(["apply", path]).returncode == 0
    assert weir("save").stdout == saved
    assert (weir("-j policy list").stdout, weir("-j vip list").stdout, weir("-j backend list").stdout) == rules


@pytest.mark.parametrize("seed", range(5))
def test_diff_is_what_apply_does(weir, seed):
    """from any configuration to any other: the differences, and none after apply"""
    r = random.Random(1000 + seed)
    weir("apply -", stdin=random_configuration(r))
    before, other = weir("save").stdout, random_configuration(r)
    diff = weir("diff -", stdin=other)
    assert weir("apply -", stdin=other).returncode == 0
    after = weir("save").stdout
    assert diff.returncode == (3 if before != after else 0)
    minus = {line[1:] for line in diff.stdout.splitlines() if line[0] == "-"}
    plus = {re.sub(r"^rule add at \d+", "rule add", line[1:]) for line in diff.stdout.splitlines() if line[0] == "+"}
    assert minus >= set(before.splitlines()) - set(after.splitlines())
    assert plus >= set(after.splitlines()) - set(before.splitlines())
    assert minus <= set(before.splitlines()) and plus <= set(after.splitlines())
    assert weir("diff -", stdin=other).returncode == 0


def test_save_is_atomic_and_keeps_the_mode(weir, tmp_path):
    weir("vip add 203.0.113.10:443/tcp name www")
    path, link = tmp_path / "weir.conf", tmp_path / "link"
    path.write_text("old\n")
    path.chmod(0o640)
    link.symlink_to(path)
    inode = path.stat().st_ino
    assert weir(["save", link]).returncode == 0
    assert link.is_symlink() and "name www" in path.read_text()
    assert path.stat().st_ino != inode and stat.S_IMODE(path.stat().st_mode) == 0o640
    fresh = tmp_path / "fresh.conf"
    before = os.umask(0o077)
    try:
        weir(["save", fresh])
    finally:
        os.umask(before)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    assert weir(["save", tmp_path]).returncode == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fresh.conf", "link", "weir.conf"]


LISTS = [
    ("# comment\n; another\n\n203.0.113.0/24 ; SBL1\n2001:db8:1::/48 # x\n203.0.113.0/24\n192.0.2.1\n",
     ["192.0.2.1", "203.0.113.0/24", "2001:db8:1::/48"]),
    ("create bad hash:net family inet hashsize 1024 maxelem 65536\nadd bad 203.0.113.0/24\nadd bad 192.0.2.1 timeout 60\n",
     ["192.0.2.1", "203.0.113.0/24"]),
    ("192.0.2.1\r\n192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
    ('192.0.2.9 note "a, b"\n192.0.2.1 until 2099-01-01T00:00:00Z note "#1 \\"x\\""\n192.0.2.7 until 2020-01-01T00:00:00Z\n',
     ['192.0.2.1 until 2099-01-01T00:00:00Z note "#1 \\"x\\""', '192.0.2.9 note "a, b"']),
    ("", []),
]


@pytest.mark.parametrize("text,prefixes", LISTS, ids=["plain", "ipset", "dos", "own", "empty"])
def test_drop_load(weir, tmp_path, text, prefixes):
    path = tmp_path / "list"
    path.write_bytes(text.encode())
    assert weir(["drop", "load", path, "-j"]).stdout == f'{{"read":{len(prefixes)},"added":{len(prefixes)}}}\n'
    assert [line.split(" until 20")[0] if "timeout" in text else line
            for line in weir("drop list").stdout.splitlines()] == prefixes


def test_drop_load_is_a_union(weir):
    weir("drop add 192.0.2.1 203.0.113.0/24")
    assert weir("-j drop load -", stdin="203.0.113.0/24\n203.0.113.9\n").stdout == '{"read":2,"added":1}\n'
    assert weir("drop list").stdout.split() == ["192.0.2.1", "203.0.113.0/24", "203.0.113.9"]
    listed = weir("drop list").stdout
    weir("reset")
    weir("drop load -", stdin=listed)
    assert weir("drop list").stdout == listed


def test_many_adds_outgrow_the_table(weir):
    """adding in place goes on when the table must be built anew"""
    expected = set()
    for part in range(5):
        prefixes = [f"10.{part}.{i >> 8}.{i & 255}" for i in range(2000)]
        expected.update(prefixes)
        assert weir(["drop", "add", *prefixes]).returncode == 0
    assert set(weir("drop list").stdout.split()) == expected
    gone = sorted(expected)[::2]
    assert weir(["drop", "del", *gone]).returncode == 0
    assert set(weir("drop list").stdout.split()) == expected - set(gone)


def test_writers_at_once(weir, box):
    """commands that meet wait for each other: none is lost"""
    weir("vip add 203.0.113.10:443/tcp name www")
    failed = []

    def add(first):
        for i in range(first, first + 5):
            for command in (f"backend add www 10.1.0.{i}", f"drop add 192.0.2.{i}"):
                done = subprocess.run(box.weir_argv(command), capture_output=True, text=True)
                if done.returncode:
                    failed.append(done.stderr)
    threads = [threading.Thread(target=add, args=(first,)) for first in (10, 20, 30, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert weir("backend list").stdout.count("10.1.0.") == 20
    assert weir("drop list").stdout.count("192.0.2.") == 20
