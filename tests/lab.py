# SPDX-License-Identifier: GPL-2.0-only
"""A lab of network namespaces on this machine: hosts, the cables between them, what runs in them.

    with Lab() as lab:
        lab.ns("client"), lab.ns("lb", router=True)
        lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "in", ["198.51.100.1/24"])
        lab.weir("attach in")
        lab.run("client", "ping -c1 198.51.100.1")

Namespaces, the weir instance and the cgroup have names of their own, so labs can run side by side. Device names are
only seen inside. Everything goes away at the end, also after a failure or a signal. The first namespace made with
router=True (else the first) is `home`, where weir commands work unless told otherwise.
"""
import contextlib
import ctypes
import itertools
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("WEIR_BUILD") or os.path.join(os.path.dirname(TESTS), "build")
WEIR = os.path.join(BUILD, "weir")
PYTHON = sys.executable
BPFFS = "/sys/fs/bpf"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

os.environ["PATH"] += ":/usr/sbin:/sbin"
os.environ["SSH_CONNECTION"] = ""  # whoever runs the tests is not to be guarded from their rules
libc = ctypes.CDLL(None, use_errno=True)
counter = itertools.count(1)


class Failed(Exception):
    """a command of the lab ended otherwise than expected"""


def mounted(fstype):
    with open("/proc/mounts") as f:
        return [line.split()[1] for line in f if line.split()[2] == fstype]


def ensure_bpffs():
    if BPFFS not in mounted("bpf"):
        subprocess.run(["mount", "-t", "bpf", "bpf", BPFFS], check=True)


def ensure_cgroup2():
    """where cgroup v2 is mounted; mounts it when it is nowhere"""
    if not mounted("cgroup2"):
        os.makedirs("/run/cgroup2", exist_ok=True)
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/run/cgroup2"], check=True)
    return mounted("cgroup2")[0]


def raise_on_signals():
    """SIGTERM and SIGHUP end Python as Ctrl-C does, through every `with` and `finally`"""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: sys.exit(128 + received))


def ends(text, most=4000):
    """a verifier's log is told by its first and last lines"""
    return text if len(text) <= most else text[:most // 2] + "\n...\n" + text[-most // 2:]


def words(command):
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]


class Lab:
    def __init__(self):
        self.name = f"w{os.getpid()}-{next(counter)}"
        self.instance = self.name
        self.home, self.home_routes = None, False
        self.namespaces = []
        self.processes = []
        self.cgroups = []
        self.instances = [self.instance]

    def __enter__(self):
        ensure_bpffs()
        return self

    def __exit__(self, *failure):
        self.close()

    # ---- hosts and cables

    def path(self, ns):
        return f"/run/netns/{self.name}-{ns}"

    def ns(self, name, router=False):
        """a host; a router forwards IPv4 and IPv6"""
        self.namespaces.append(name)
        subprocess.run(["ip", "netns", "add", f"{self.name}-{name}"], check=True)
        if self.home is None or (router and not self.home_routes):
            self.home, self.home_routes = name, router
        self.ip(name, "link set lo up")
        for conf in ("all", "default"):
            self.sysctl(name, f"net/ipv4/conf/{conf}/rp_filter", 0)
            # addresses work at once, and nothing is sent that no test asked for
            self.sysctl(name, f"net/ipv6/conf/{conf}/accept_dad", 0)
            self.sysctl(name, f"net/ipv6/conf/{conf}/accept_ra", 0)
            self.sysctl(name, f"net/ipv6/conf/{conf}/router_solicitations", 0)
            self.sysctl(name, f"net/ipv6/conf/{conf}/mldv2_unsolicited_report_interval", 3600000)
            self.sysctl(name, f"net/ipv6/conf/{conf}/forwarding", int(router))
        self.sysctl(name, "net/ipv4/ip_forward", int(router))
        return name

    def veth(self, ns_a, dev_a, addrs_a, ns_b, dev_b, addrs_b, mtu=1500):
        """A cable. Checksums are computed by the sender, not left to hardware that is not there (XDP would see them
        unfinished), and GRO makes both ends take frames that XDP redirects to them."""
        net = lambda ns: ["netns", f"{self.name}-{ns}"]
        subprocess.run(["ip", "link", "add", dev_a, *net(ns_a), "mtu", str(mtu), "type", "veth",
                        "peer", dev_b, *net(ns_b), "mtu", str(mtu)], check=True)
        for ns, dev, addrs in ((ns_a, dev_a, addrs_a), (ns_b, dev_b, addrs_b)):
            # an IPv6 host without a link-local address cannot ask for its neighbours
            self.ip(ns, f"link set {dev} addrgenmode {'eui64' if any(':' in addr for addr in addrs) else 'none'} up")
            self.run(ns, f"ethtool -K {dev} tx off gro on")  # after up: before, the other end would not be told
            for addr in addrs:
                self.ip(ns, f"addr add {addr} dev {dev}")

    def sysctl(self, ns, key, value):
        with self.inside(ns), open(f"/proc/sys/{key}", "w") as f:
            f.write(str(value))

    def mute(self, ns, dev):
        """Nothing is asked for on the network: an unknown neighbour stays unknown, and a test that counts single packets
        counts its own alone."""
        for family in ("ipv4", "ipv6"):
            self.sysctl(ns, f"net/{family}/neigh/{dev}/mcast_solicit", 0)

    def ip(self, ns, command):
        return self.run(ns, f"ip {command}")

    def ifindex(self, ns, dev):
        return json.loads(self.ip(ns, f"-j link show dev {dev}").stdout)[0]["ifindex"]

    def mac(self, ns, dev):
        return json.loads(self.ip(ns, f"-j link show dev {dev}").stdout)[0]["address"]

    @contextlib.contextmanager
    def inside(self, ns):
        """this thread is in the namespace (network only, so that the bpffs stays in sight)"""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        to = os.open(self.path(ns), os.O_RDONLY)
        try:
            if libc.setns(to, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns", self.path(ns))
            yield
        finally:
            libc.setns(back, CLONE_NEWNET)
            os.close(to)
            os.close(back)

    # ---- commands and processes

    def _argv(self, ns, command):
        return ["nsenter", f"--net={self.path(ns)}", "--", *words(command)]

    def run(self, ns, command, check=True, timeout=30, env=None, cgroup=None, **popen):
        """run to the end inside a namespace; the completed process, with .stdout and .stderr as text"""
        # without a function to call, Python does not copy itself for a child
        before = self._before_exec(cgroup) if cgroup else None
        done = subprocess.run(self._argv(ns, command), capture_output=True, text=True, timeout=timeout,
                              env={**os.environ, **(env or {})}, preexec_fn=before, **popen)
        return self._checked(done, command, check)

    def start(self, ns, command, cgroup=None, env=None, **popen):
        """start in the background; the lab ends it"""
        process = subprocess.Popen(self._argv(ns, command), stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                   start_new_session=True, preexec_fn=self._before_exec(cgroup), **popen)
        self.processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        self.processes.remove(process)

    def _before_exec(self, cgroup):
        procs = os.path.join(ensure_cgroup2() + cgroup, "cgroup.procs") if cgroup else None

        def child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if procs:
                with open(procs, "w") as f:
                    f.write("0")
        return child

    @staticmethod
    def _checked(done, command, check):
        if check and done.returncode:
            raise Failed(f"{shlex.join(words(command))}: exit status {done.returncode}\n{done.stdout}{ends(done.stderr)}")
        return done

    def serve(self, ns, script, *args, **start):
        """start one of the servers beside this file, and wait until it is ready"""
        process = self.start(ns, [PYTHON, "-I", os.path.join(TESTS, script), *args], **start)
        self.wait_line(process, "ready")
        return process

    def http(self, ns, name=None, port=80, **start):
        """a real HTTP server that answers with its name and the client's address"""
        return self.serve(ns, "www.py", name or ns, port, **start)

    @staticmethod
    def wait_line(process, text, timeout=20):
        ready = select.poll()  # select() knows only the first 1,024 descriptors
        ready.register(process.stdout, select.POLLIN)
        if not ready.poll(timeout * 1000) or text not in process.stdout.readline():
            raise Failed(f"{shlex.join(process.args)}: did not say '{text}'")

    def curl(self, ns, url, check=True, max_time=5, **run):
        """the body that curl got, or None when it failed and check is off"""
        done = self.run(ns, ["curl", "-gsS", "--noproxy", "*", "--max-time", max_time, url], check=check,
                        timeout=max_time + 10, **run)
        return None if done.returncode else done.stdout.strip()

    def cgroup(self, name):
        """a cgroup of this lab; its path below the cgroup-v2 mount, for `weir identity add` and cgroup="""
        path = f"/weir-{self.name}/{name}"
        if path not in self.cgroups:
            self.cgroups.append(path)
        os.makedirs(ensure_cgroup2() + path, exist_ok=True)
        return path

    # ---- weir

    def weir(self, command, ns=None, check=True, instance=None, stdin=None, timeout=60, env=None):
        """`weir` inside a namespace (home unless told), for this lab's instance; env: further variables"""
        done = subprocess.run(self.weir_argv(command, ns, instance), input=stdin, capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, **(env or {})})
        return self._checked(done, command, check)

    def weir_argv(self, command, ns=None, instance=None):
        return [WEIR, "-i", instance or self.instance, "-n", f"{self.name}-{ns or self.home}", *words(command)]

    def weir_json(self, command, **more):
        return json.loads(self.weir(["-j", *words(command)], **more).stdout)

    def by_hand(self, ns, command, instance=None, check=True):
        """an `ip link set ... xdp obj` or `tc filter add ... bpf` command that shares the maps of an instance; names
        that begin with build/ are found in the build directory"""
        instance = instance or self.instance
        if instance not in self.instances:
            self.instances.append(instance)
        os.makedirs(self.pin_dir(instance), exist_ok=True)
        argv = [BUILD + word[5:] if word.startswith("build/") else word for word in words(command)]
        return self.run(ns, argv, env={"TC_BPF_MNT": self.pin_dir(instance)}, check=check)

    @staticmethod
    def pin_dir(instance):
        return f"{BPFFS}/weir/{instance}"

    # ---- the end

    def close(self):
        """nothing stays behind; a second Ctrl-C does not stop this half way"""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for process in list(self.processes):
                self.stop(process)
            for ns in filter(lambda ns: os.path.exists(self.path(ns)), self.namespaces):
                subprocess.run(["ip", "netns", "del", f"{self.name}-{ns}"], check=False)
            self.namespaces.clear()
            for instance in self.instances:
                shutil.rmtree(self.pin_dir(instance), ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(self.pin_dir(self.instance)))  # if no other instance is there
            self._remove_cgroups()
        finally:
            signal.signal(signal.SIGINT, before)

    def _remove_cgroups(self):
        if not self.cgroups:
            return
        parent = f"/weir-{self.name}"
        for path in [*reversed(self.cgroups), parent]:
            for _ in range(50):  # a process that was just ended leaves its cgroup a moment later
                try:
                    os.rmdir(ensure_cgroup2() + path)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)
        self.cgroups.clear()


def until(condition, timeout=5, step=0.05):
    """wait until condition() is true, and return what it returned"""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failed(f"not within {timeout} s")
        time.sleep(step)
    return value
