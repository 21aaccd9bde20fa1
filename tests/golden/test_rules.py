# SPDX-License-Identifier: GPL-2.0-only
"""`weir rule`: what it prints, what it warns of, which numbers rules keep, and that nobody locks himself out."""
import json
import re
import time

import pytest

RULES = """\
set create ddos
rule add drop proto udp sport 19,123,389,11211 length 512-65535
rule add drop from @ddos until 2030-01-31T12:00:00Z note "ticket 4711"
rule add limit 2000 pps burst 4000 per source/24,/64 to 203.0.113.10 proto tcp dport 443 flags syn
rule add pass from 198.51.100.0/24 proto tcp dport 22
rule default drop on eth0
rule default pass
"""
TABLE = """\
POSITION ID PACKETS BYTES LAST RULE
1 1 0 0 never drop proto udp sport 19,123,389,11211 length 512-65535
2 2 0 0 never drop from @ddos until 2030-01-31T12:00:00Z note "ticket 4711"
3 3 0 0 never limit 2000 pps burst 4000 per source/24,/64 to 203.0.113.10 proto tcp dport 443 flags syn
4 4 0 0 never pass from 198.51.100.0/24 proto tcp dport 22
- - - - - default drop on eth0
- - - - - default pass
"""


def ids(weir):
    """positions and numbers, as the list has them"""
    return [rule["id"] for rule in json.loads(weir("-j rule list").stdout)["rules"]]


@pytest.fixture
def rules(weir):
    done = weir("apply -", stdin=RULES)
    assert (done.returncode, done.stderr) == (0, "")
    return weir


def test_list(rules):
    assert rules("rule list").stdout == TABLE
    answer = json.loads(rules("rule list -j").stdout)
    assert answer["defaults"] == [{"device": "eth0", "action": "drop"}, {"device": None, "action": "pass"}]
    assert [list(rule) for rule in answer["rules"]][0] == [
        "position", "id", "action", "rule", "until", "over", "note", "packets", "bytes", "idle_ms"]
    rule = answer["rules"][1]
    assert 0 <= rule.pop("idle_ms") < 60000
    assert rule == {"position": 2, "id": 2, "action": "drop", "rule": "drop from @ddos", "until": "2030-01-31T12:00:00Z",
                    "over": False, "note": "ticket 4711", "packets": 0, "bytes": 0}
    assert answer["rules"][2]["shared"] == 0


def test_list_rate(rules):
    began = time.monotonic()
    lines = rules("rule list --rate").stdout.splitlines()
    assert 1 <= time.monotonic() - began < 3
    assert lines[0] == "POSITION ID PACKETS BYTES PPS BPS LAST RULE"
    assert lines[4] == "4 4 0 0 0 0 never pass from 198.51.100.0/24 proto tcp dport 22"
    rule = json.loads(rules("rule list --rate -j").stdout)["rules"][0]
    assert (rule["packets_per_second"], rule["bits_per_second"]) == (0, 0)


def test_list_idle(rules):
    """without a hit for that long: counted from when the rule was made"""
    assert rules("rule list --idle 30d").stdout == TABLE.splitlines()[0] + "\n"
    time.sleep(1.2)
    rules("rule add drop proto 99")
    assert [line.split()[1] for line in rules("rule list --idle 1s").stdout.splitlines()[1:]] == ["1", "2", "3", "4"]
    # a change of other things is none of these counters' business
    rules("rule move 4 to 1")
    rules("vip add 203.0.113.10:443/tcp")
    assert [line.split()[1] for line in rules("rule list --idle 1s").stdout.splitlines()[1:]] == ["4", "1", "2", "3"]
    done = rules("rule list --idle 300d")
    assert done.returncode == 2 and "its clock begins again after" in done.stderr


def test_saved_as_typed(weir):
    for line in RULES.splitlines():
        done = weir(line)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), line
    assert weir("save").stdout == "# weir configuration\n" + RULES


def test_for_is_saved_as_until(weir):
    before = int(time.time())
    weir('rule add drop for 1h30m')
    until = re.search(r"until (\S+)$", weir("save").stdout)[1]
    assert before + 5400 <= time.mktime(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone <= time.time() + 5400
    weir("rule add at 1 pass until 2001-02-03T04:05:06Z")
    assert [rule["over"] for rule in json.loads(weir("-j rule list").stdout)["rules"]] == [True, False]


def test_numbers_are_for_life(rules):
    assert rules("-j rule add at 2 count").stdout == '{"id":5,"position":2,"warnings":[]}\n'
    assert rules("-j rule move 1 to 4").stdout == '{"id":1,"position":4,"warnings":[]}\n'
    assert ids(rules) == [5, 2, 3, 1, 4]
    saved = rules("save").stdout
    assert rules("apply -", stdin=saved).returncode == 0
    assert ids(rules) == [5, 2, 3, 1, 4]
    assert rules("rule del 3 5").returncode == 0
    # a file in another order, with one changed and one new: by what they say
    lines = [line for line in rules("save").stdout.splitlines() if line.startswith("rule add")]
    assert len(lines) == 3
    assert rules("apply -", stdin="\n".join([lines[2], lines[0].replace("@ddos", "10.0.0.0/8"), lines[1]])).returncode == 0
    assert ids(rules)[0] == 4 and ids(rules)[2] == 1 and ids(rules)[1] not in (1, 2, 4)


def test_diff(rules):
    saved = rules("save").stdout
    rules("rule move 4 to 1")
    rules("rule del 2")
    rules("rule default pass on eth0")
    assert rules("diff -", stdin=saved).stdout == """\
-rule add pass from 198.51.100.0/24 proto tcp dport 22
+rule add at 2 drop from @ddos until 2030-01-31T12:00:00Z note "ticket 4711"
+rule add pass from 198.51.100.0/24 proto tcp dport 22
-rule default pass on eth0
+rule default drop on eth0
"""


def test_rules_that_never_match(rules):
    done = rules("-j rule add drop from 198.51.100.7 proto tcp dport 22 flags ack")
    text = ("rule 5 at position 5 can never match: rule 4 at position 4 decides on all of it before: "
            "pass from 198.51.100.0/24 proto tcp dport 22")
    assert json.loads(done.stdout) == {"id": 5, "position": 5, "warnings": [text]}
    assert done.stderr == f"weir: warning: {text}\n"
    # it says so whoever makes it so, and once only
    assert rules("rule move 5 to 1").stderr == ""
    assert rules("rule move 5 to 5").stderr == f"weir: warning: {text}\n"
    assert rules("rule add drop").stderr == ""
    done = rules("rule move 6 to 1")
    assert [line.split()[3] for line in done.stderr.splitlines()] == ["1", "2", "3", "4", "5"]


def test_rules_that_others_take_together(weir):
    for rule in "count", "pass ttl 0-63", "drop ttl 64-255":
        assert weir(f"rule add {rule}").stderr == ""
    done = weir("-j rule add drop from 198.51.100.7")
    text = "rule 4 at position 4 can never match: rule 2 at position 2 and rule 3 at position 3 together decide on all of it before"
    assert json.loads(done.stdout)["warnings"] == [text]
    # or by one that comes later, to another place
    weir("rule del 3")
    assert weir("rule add at 1 drop ttl 64-255").stderr == \
        "weir: warning: rule 4 at position 4 can never match: rule 3 at position 1 and rule 2 at position 3 together decide on " \
        "all of it before\n"
    text = "".join(f"rule add drop ttl {i}\n" for i in range(11)) + "rule add pass ttl 0-10\n"
    assert weir("check -", stdin=text).stderr == \
        "weir: warning: the rule at position 12 can never match: " + \
        "".join(f"the rule at position {i}, " for i in range(1, 8)) + "the rule at position 8 and 3 others together decide on all " \
        "of it before\n"


def test_shadowed_in_a_file(weir):
    text = "rule add drop\n" + "".join(f"rule add drop ttl {i}\n" for i in range(12))
    for command in "check -", "apply -":
        done = weir(command, stdin=text)
        lines = done.stderr.splitlines()
        assert (done.returncode, done.stdout, len(lines)) == (0, "", 11)
        assert lines[10] == "weir: warning: 2 further rules can never match"
    assert len(json.loads(weir("-j check -", stdin=text).stdout)["warnings"]) == 11


REFUSED = [
    ("rule add", 2, "ACTION is missing\nhint: one of drop, pass, count, audit, redirect, limit"),
    ("rule add dorp", 2, "ACTION expected, found 'dorp'\nhint: did you mean 'drop'?"),
    ("rule add drop form 10.0.0.1", 2, "unexpected 'form'\nhint: did you mean 'from'? `weir help rule add` shows what may "
     "stand here"),
    ("rule add drop from @ddso", 1, "no set 'ddso'\nhint: did you mean 'ddos'?"),
    ("rule add drop dport 80", 2, "a port needs a protocol that has ports\nhint: add 'proto tcp' or 'proto udp'"),
    ("rule add at 9 drop", 2, "there is no position '9'\nhint: positions are 1 to 5"),
    ("rule add drop on eth9", 1, "no network device 'eth9'"),
    ("rule del 9", 1, "no filter rule 9\nhint: `weir rule list` shows those that there are"),
    ("rule del x", 2, "'x' is not the number of a rule\nhint: `weir rule list` shows the numbers"),
    ("rule move 1 to 5", 2, "there is no position '5'\nhint: positions are 1 to 4"),
    ("rule default pass", 1, "the default is 'pass' already\nhint: leave it out"),
    ("rule list --idle soon", 2, "'soon' is not a time\nhint: "),
]


@pytest.mark.parametrize("command,status,message", REFUSED, ids=[refused[0] for refused in REFUSED])
def test_refused(rules, command, status, message):
    before = rules("save").stdout
    done = rules(command)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"weir: {message}")
    assert rules("save").stdout == before


def test_a_caret_under_the_word_at_fault(weir):
    done = weir("check -", stdin="rule add drop from 2001:db8::/32 to 203.0.113.10\n")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:3] == ["rule add drop from 2001:db8::/32 to 203.0.113.10", " " * 36 + "^"]


# what the peer 10.1.0.11 of an SSH session to 10.1.0.1 would be cut off by
CUTS = [
    ("22", "rule add drop from 10.1.0.0/24", "the rule at position 1 does"),
    ("2222", "rule add drop on eth0", "the rule at position 1 does"),
    ("2222", "rule default drop", "the default does"),
    ("2222", "apply -", "the rule at position 2 does"),
]


@pytest.mark.parametrize("port,command,why", CUTS, ids=[cut[1] for cut in CUTS])
def test_whoever_types_is_not_cut_off(weir, port, command, why):
    ssh = {"SSH_CONNECTION": f"10.1.0.11 50000 10.1.0.1 {port}"}
    file = "rule add pass proto udp\nrule add drop from 10.1.0.0/24\n" if command == "apply -" else None
    weir("vip add 203.0.113.10:443/tcp")
    before = weir("save").stdout
    done = weir(command, stdin=file, env=ssh)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"weir: this would cut your own connection, SSH from 10.1.0.11: {why}\n"
                           "hint: add --yes if you mean it\n")
    assert weir("save").stdout == before
    assert weir(command, stdin=file, env={"SSH_CONNECTION": "192.0.2.9 50000 10.1.0.1 22"}).returncode == 0
    weir("reset")
    assert weir(command + " --yes", stdin=file, env=ssh).returncode == 0
    # it is done already: no reason to be asked at the next change
    assert weir("rule add drop from 10.1.0.11", env=ssh).returncode == 0


def test_the_failsafe_list_keeps_ssh(weir):
    ssh = {"SSH_CONNECTION": "10.1.0.11 50000 10.1.0.1 22"}
    assert weir("rule default drop", env=ssh).returncode == 0
    assert weir("rule add drop to 10.1.0.1", env=ssh).returncode == 0
    assert "the rule at position 1 does" in weir("failsafe del 22/tcp", env=ssh).stderr
