# SPDX-License-Identifier: GPL-2.0-only
"""Help, the manual and completion are made from the command table: each knows every command."""
import json
import os
import re
import shutil
import subprocess

import pytest

from lab import BUILD, TESTS, WEIR

TABLE = re.findall(r'^COMMAND\(\w+, "([^"]+)", [^"]*"([^"]+)"\)$',
                   open(os.path.join(os.path.dirname(TESTS), "lib/commands.def")).read(), re.M)
PEOPLE = [(re.sub(r"[A-Z]+=", "", synopsis), text) for synopsis, text in TABLE]


def weir(*words, **more):
    return subprocess.run([WEIR, *words], capture_output=True, text=True, **more)


def test_help_lists_every_command():
    assert len(PEOPLE) > 30
    done = weir("help")
    assert done.returncode == 0 and done.stdout.startswith("usage: weir ")
    for synopsis, text in PEOPLE:
        assert f"  {synopsis}\n        {text}\n" in done.stdout
    assert json.loads(weir("help", "-j").stdout)["commands"][0] == {
        "synopsis": PEOPLE[0][0], "help": PEOPLE[0][1], "configuration": False}


@pytest.mark.parametrize("words", [("help", "vip"), ("vip", "--help"), ("-h", "vip"), ("vip", "frob", "-h")])
def test_help_on_a_noun(words):
    shown = [line.strip() for line in weir(*words).stdout.splitlines()[::2]]
    assert shown == [synopsis for synopsis, _ in PEOPLE if synopsis.startswith("vip ")]


def test_help_behind_a_command():
    done = weir("vip", "add", "192.0.2.1:80/tcp", "--help")
    assert done.stdout.splitlines()[0].strip().startswith("vip add SERVICE [PORTPROTO] [name NAME]")


def test_version():
    assert re.fullmatch(r"weir \d+\.\d+\.\d+, map layout \d+\n", weir("version").stdout)
    assert weir("--version").stdout == weir("version").stdout
    assert list(json.loads(weir("-j", "version").stdout)) == ["version", "abi"]


def test_manual():
    """groff has no complaint, and every command, reason and limit is in it"""
    page = os.path.join(BUILD, "man/weir.8")
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-rLL=200n", "-P-cbou", page], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shown = " ".join(done.stdout.split())
    for synopsis, text in PEOPLE:
        assert f" {synopsis} {text} ".replace("`", "") in shown.replace("`", ""), synopsis
    for name in re.findall(r'^REASON\(\w+,\s+"([^"]+)"', open(f"{os.path.dirname(TESTS)}/include/weir/reasons.def").read(), re.M):
        assert f" {name} (" in shown
    assert not re.search("@[A-Z]+@", shown)


# what is typed -> what is offered
TYPED = [
    ("weir v", "version vip"),
    ("weir vip ", "add del list set show"),
    ("weir -j -i x vip l", "list"),
    ("weir attach lo ", "--order --tc --xdp"),
    ("weir attach l", "lo"),
    ("weir attach lo --xdp ", "native off skb"),
    ("weir attach lo --xdp skb --", "--order --tc"),
    ("weir attach lo --tc e", "egress egress,ingress"),
    ("weir vip add 203.0.113.10:443/tcp ho", "hold"),
    ("weir vip add [2001:db8::10]:443/tcp na", "name"),
    ("weir backend add ", "203.0.113.11:80/tcp www"),
    ("weir backend add www 10.1.0.11 ", "--now --queue drain server-id source weight"),
    ("weir backend add 203.0.113.11:8", "80/tcp"),
    ("weir policy add ", "allow audit deny reject"),
    ("weir policy add allow ", "from"),
    ("weir policy add allow from db to any ", "--yes for icmp note port proto until"),
    ("weir policy add allow from db to any proto tcp ", "--yes for icmp note port until"),
    ("weir backend list ", "203.0.113.11:80/tcp www"),
    ("weir policy add allow from ", "any db host world"),
    ("weir policy add allow from db to d", "db"),
    ("weir policy add allow from db to any proto ", "esp gre icmp icmpv6 ipip sctp tcp udp"),
    ("weir identity del ", "db"),
    ("weir identity refresh ", "--yes db"),
    ("weir set add ", "allow ddos drop"),
    ("weir set create ", ""),
    ("weir rule add ", "at audit count drop limit pass redirect"),
    ("weir rule add at ", ""),
    ("weir rule add at 1 ", "audit count drop limit pass redirect"),
    ("weir rule add redirect l", "lo"),
    ("weir rule add limit ", ""),
    ("weir rule add limit 2000 ", "bps gbit kbit kpps mbit mpps pps"),
    ("weir rule add limit 2000 pps p", "payload per proto"),
    ("weir rule add drop from ", "@allow @ddos @drop not"),
    ("weir rule add drop from not ", "@allow @ddos @drop"),
    ("weir rule add drop from not @ddos i", "icmp ipv4 ipv6"),
    ("weir rule add drop fragment ", "first later no yes"),
    ("weir rule del ", "1"),
    ("weir rule move 1 ", "to"),
    ("weir rule default ", "drop pass"),
    ("weir help po", "policy"),
    ("weir apply w", "with blank;$(touch oops)"),
    ("weir drop load with", "with blank;$(touch oops)"),
]


def complete(line, env, cwd):
    script = 'source <(weir completion); COMP_LINE=$1; COMP_POINT=${#1}; _weir; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, cwd=cwd, env=env)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_completion(weir, box, tmp_path):
    """bash offers what the grammar allows, names that there are, and runs nothing that a file is called"""
    weir("vip add 203.0.113.10:443/tcp name www")
    weir("vip add 203.0.113.11:80/tcp")
    weir("identity add db cidr 10.2.0.0/24")
    weir("set create ddos")
    weir("rule add count")
    (tmp_path / "with blank;$(touch oops)").write_text("")
    (tmp_path / "bin").mkdir()
    os.symlink(WEIR, tmp_path / "bin/weir")
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "WEIR_INSTANCE": box.instance}
    for typed, offered in TYPED:
        # the instance named by -i is another: only names need the right one
        expected = [offered] if "blank" in offered else offered.split() or [""]
        assert complete(typed, env, tmp_path) == expected, typed
    assert not (tmp_path / "oops").exists()
