"""A running service for tests: `nocturne serve` on a free port, clients with tokens, agents."""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from patience import PATIENCE, claim_ports, gated, until

BIN = os.path.abspath(os.environ.get("NOCTURNE_BIN", "build/release/bin"))
NOCTURNE = os.path.join(BIN, "nocturne")


def nocturne_in(folder):
    """The program and its guard, copied to where another user may run them: the build may lie in somebody's home."""
    shutil.copy(os.path.join(os.path.dirname(NOCTURNE), "nocturne-guard"), folder)
    return shutil.copy(NOCTURNE, folder)


STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9, k: 5}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 12}
confirm: {top: 1, seeds: 2}
search: {sampler: sobol, seed: 3}
workers: {local: 2}
files: [trial.sh]
"""
TRIAL = """i=0
while [ $i -lt ${STEPS:-3} ]; do
  sleep ${NAP:-0.05}; i=$((i + 1))
  echo "nocturne: {\\"step\\": $i, \\"em\\": 0.$((10 + i)), \\"tokens\\": $((i * 100))}"
done
echo "log of trial $NOCTURNE_TRIAL"
awk -v x="$1" -v k="$2" 'BEGIN { printf "nocturne: {\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", 0.6 - (x - 0.3)^2, 1000 + 1000 * x + 100 * k }'
"""
SLOW = TRIAL.replace("${STEPS:-3}", "10").replace("${NAP:-0.05}", "0.2")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Stream:
    """Server-sent events, read on a thread of their own."""

    def __init__(self, world, path="/events", token=None, last=None):
        head = f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token or world.operator}\r\n"
        head += f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.socket = socket.create_connection(("127.0.0.1", world.port))
        self.socket.sendall((head + "\r\n").encode())
        self.text, self.over = b"", False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            try:
                more = self.socket.recv(65536)
            except OSError:
                more = b""
            if not more:
                self.over = True
                return
            self.text += more

    def blocks(self):
        """Chunked encoding aside: a block is fields by name."""
        raw, body = self.text.partition(b"\r\n\r\n")[2], b""
        while raw:
            size, _, raw = raw.partition(b"\r\n")
            if not size or not raw:
                break
            body, raw = body + raw[:int(size, 16)], raw[int(size, 16) + 2:]
        if not body:
            body = self.text.partition(b"\r\n\r\n")[2]
        whole = body.decode().split("\n\n")[:-1]
        return [dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":")) for block in whole]

    def events(self):
        """(study, seq) of each, of the stream of all."""
        out = [json.loads(b["data"]) for b in self.blocks() if b.get("event") not in (None, "cursor")]
        return [(e["study"], e["seq"]) for e in out if "seq" in e]

    def cursor(self):
        ids = [b["id"] for b in self.blocks() if b.get("event") == "cursor"]
        return ids[-1] if ids else None

    def ids(self):
        """Of a study's own stream."""
        return [int(b["id"]) for b in self.blocks() if "id" in b]

    def is_there(self):
        """The first thing that a reader gets is a pulse: from now on it misses nothing."""
        return len(self.blocks()) > 0

    def end(self):
        """The other end is gone, or says no more: what it had sent is all there."""
        self.thread.join(PATIENCE)
        self.socket.close()
        return self

    def close(self):
        self.socket.close()


class World(unittest.TestCase):
    """A service with a database of its own. self.call speaks as its operator."""

    SERVE = ("--slots", "2")
    ENV = {}

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.dir = self.temporary.name
        self.gate = os.path.join(self.dir, "gate")
        self.port, self.claim = claim_ports()
        self.processes = []
        self.start()

    def tearDown(self):
        self.end([p for p in self.processes if p is not self.server])  # agents can still say goodbye
        self.end([self.server])
        sanitizer = [name for name in os.listdir(self.dir) if name.endswith(".out") and ("Sanitizer" in self.read(name) or "runtime error" in self.read(name))]
        texts = [self.read(name)[:4000] for name in sanitizer]
        self.claim.close()
        self.temporary.cleanup()
        self.assertEqual(texts, [])

    @staticmethod
    def end(processes):
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def read(self, name):
        with open(os.path.join(self.dir, name), errors="replace") as text:
            return text.read()

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
            out.write(text)
        return path

    def spawn(self, name, *args, env=None):
        whole = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_") or k == "NOCTURNE_BOOT_ID"}
        whole.update(self.ENV)
        whole.update(env or {})
        out = open(os.path.join(self.dir, name + ".out"), "a")
        process = subprocess.Popen([NOCTURNE, *args], cwd=self.dir, env=whole, stdout=out, stderr=out)
        out.close()
        self.processes.append(process)
        return process

    def start(self, *more):
        self.server = self.spawn("serve", "serve", "--listen", f"127.0.0.1:{self.port}", *self.SERVE, *more)
        self.wait("the service answers", self.answers)
        self.operator = self.read("nocturne.token").strip()

    def answers(self):
        if self.server.poll() is not None:
            raise AssertionError(self.read("serve.out"))
        try:
            return self.call("GET", "/healthz", token=None).status == 200
        except OSError:
            return False

    def kill_server(self, number=signal.SIGKILL):
        self.server.send_signal(number)
        self.server.wait()

    def nocturne(self, *args, code=0):
        done = subprocess.run([NOCTURNE, *args], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def token(self, role, *more):
        text = self.nocturne("token", "create", "--role", role, *more)
        self.write(role + ".token", text, 0o600)
        return text.strip()

    def call(self, method, path, body=None, token="operator", headers=None, text=None, timeout=PATIENCE):
        """One request. body: an object, sent as JSON; text: sent as it is."""
        head = dict(headers or {})
        if token == "operator":
            token = self.operator
        if token:
            head["Authorization"] = "Bearer " + token
        data = text.encode() if isinstance(text, str) else text
        if body is not None:
            data = json.dumps(body).encode()
            head.setdefault("Content-Type", "application/json")
        if not path.startswith(("/healthz", "/metrics", "/api", "/ofrep", "/v1/", "/page.", "/third-party", "/?")):
            path = "/api/v1" + path
        head["Connection"] = "close"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as c:
            c.connect()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was said: there is an answer
                c.request(method, path, data, head)
            answer = c.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def ok(self, method, path, *args, **kw):
        answer = self.call(method, path, *args, **kw)
        self.assertLess(answer.status, 300, answer.body)
        return answer.json

    def create(self, study=STUDY, trial=TRIAL, paused=False):
        name = study.split("\n")[0].split(":")[1].strip()
        if trial:
            self.ok("PUT", f"/studies/{name}/files/trial.sh", text=trial)
        return self.ok("POST", "/studies" + ("?paused=true" if paused else ""), text=study,
                       headers={"Content-Type": "application/yaml"})

    def agent(self, name, *more, slots=2, env=None):
        if not os.path.exists(os.path.join(self.dir, "worker.token")):
            self.token("worker")
        return self.spawn(name, "worker", "--url", f"http://127.0.0.1:{self.port}", "--token-file", "worker.token", "--slots",
                          str(slots), "--name", name, "--dir", name + ".d", *more, env=env)

    def wait(self, what, condition, seconds=PATIENCE):
        return until(what, condition, seconds, lambda: self.read("serve.out")[-3000:])

    def gated(self, trial=TRIAL):
        """The trial, which goes on after its first report once the gate is open."""
        return gated(trial, self.gate)

    def open_gate(self):
        self.write("gate", "")

    def close_gate(self):
        os.remove(self.gate)

    def wait_phase(self, phase, study="s", seconds=PATIENCE):
        return self.wait(f"{study} is {phase}", lambda: self.ok("GET", f"/studies/{study}")["phase"] == phase, seconds)

    def trials(self, study="s"):
        out, offset = [], 0
        while offset is not None:
            page = self.ok("GET", f"/studies/{study}/trials?limit=1000&offset={offset}")
            out += page["trials"]
            offset = page.get("next_offset")
        return out

    def events(self, study="s"):
        out = []
        while True:
            page = self.ok("GET", f"/studies/{study}/log?limit=1000&after={out[-1]['seq'] if out else 0}")["events"]
            if not page:
                return out
            out += page
