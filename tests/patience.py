"""How these tests wait: for a fact, never for a time. What they start goes on when it is told to (a gate), and no
deadline is near: PATIENCE is for a machine that has something else to do, and only a hang ever uses it up."""
import os
import random
import socket
import time

PATIENCE = int(os.environ.get("PATIENCE", "300"))  # seconds


def until(what, condition, seconds=PATIENCE, explain=lambda: ""):
    """Waits for condition() to be true, and returns what it returned."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s\n{explain()}")
        time.sleep(0.05)
    return value


def gated(trial, gate):
    """A shell trial that waits after its first report until there is a file at `gate`."""
    lines = trial.split("\n")
    first = next(i for i, line in enumerate(lines) if "step" in line)
    return "\n".join(lines[:first + 1] + [f"until [ -e '{gate}' ]; do sleep 0.02; done"] + lines[first + 1:])


def claim_ports(n=1):
    """The first of n ports in a row which neither another test nor a connection on its way out takes, and the claim to
    them: they are ours until that is closed, also while nobody listens."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as text:
        lowest = int(text.read().split()[0])  # from here on the kernel gives ports to connections
    while True:
        first, claim = random.SystemRandom().randrange(10000, max(lowest, 20000) - n), Claim()
        try:
            for port in range(first, first + n):
                claim.take(port)
            return first, claim
        except OSError:
            claim.close()


class Claim:
    def __init__(self):
        self.sockets = []

    def take(self, port):
        """Names of this kind are as wide as ports are, and gone with the process."""
        self.sockets.append(socket.socket(socket.AF_UNIX))
        self.sockets[-1].bind(f"\0nocturne-test-port-{port}")
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))

    def close(self):
        for s in self.sockets:
            s.close()
        self.sockets = []
