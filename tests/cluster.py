"""A real Slurm on this machine, for tests: one slurmctld, several slurmd, a munged, all in a folder of their own and
gone afterwards. Needs Debian's slurmctld, slurmd, slurm-client and munge; no systemd, no database, no cgroups."""
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time

from patience import PATIENCE, claim_ports, until

TOOLS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")


def missing():
    """The programs that are not installed, as a sentence; None: all are."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    gone = [t for t in TOOLS if not shutil.which(t, path=path)]
    return f"Slurm is not installed: {', '.join(gone)} (Debian: slurmctld slurmd slurm-client munge)" if gone else None


class Cluster:
    def __init__(self, nodes=4):
        self.dir = tempfile.mkdtemp(prefix="slurm")
        self.nodes = nodes
        self.running = {}
        self.env = dict(os.environ, SLURM_CONF=f"{self.dir}/slurm.conf", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        for name in ("state", "log", "spool"):
            os.mkdir(f"{self.dir}/{name}")
        os.mkdir(f"{self.dir}/munge", 0o700)
        os.chmod(self.dir, 0o755)
        self.configure()
        self.start_munge()
        self.start_ctld()
        for n in range(1, nodes + 1):
            self.start_node(n)
        self.wait_idle(nodes)

    def configure(self):
        (port, self.claim), user, d = claim_ports(self.nodes + 1), getpass.getuser(), self.dir
        with open(f"{d}/cgroup.conf", "w") as out:
            out.write("CgroupPlugin=cgroup/v1\n")
        with open(f"{d}/slurm.conf", "w") as out:
            out.write(f"""ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={d}/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={port}
SlurmctldPidFile={d}/slurmctld.pid
SlurmdPidFile={d}/slurmd.%n.pid
SlurmctldLogFile={d}/log/slurmctld
SlurmdLogFile={d}/log/slurmd.%n
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=300
KillWait=2
SlurmdTimeout=10
NodeName=n[1-{self.nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port={port + 1}-{port + self.nodes} CPUs=8
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE
""")

    def spawn(self, name, *argv):
        with open(f"{self.dir}/log/{name}.out", "w") as log:
            self.running[name] = subprocess.Popen(argv, env=self.env, stdout=log, stderr=log, start_new_session=True)

    def start_munge(self):
        d = self.dir
        with open(os.open(f"{d}/munge/key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
            out.write(os.urandom(128))
        self.spawn("munged", "munged", "--foreground", "--force", f"--key-file={d}/munge/key", f"--socket={d}/munge.sock",
                   f"--pid-file={d}/munge/pid", f"--log-file={d}/munge/log", f"--seed-file={d}/munge/seed")
        until("munged is there", lambda: os.path.exists(f"{d}/munge.sock"), explain=lambda: self.log("munged.out"))

    def start_ctld(self):
        self.spawn("slurmctld", "slurmctld", "-D")

    def save(self):
        """All that slurmctld knows is on its disk: one that is killed before gives the ids of its jobs a second time,
        and drains their nodes for good. A job that never starts makes it save."""
        before = time.time()
        self.run("sbatch", "--hold", "--job-name=mark", "--wrap=true")
        state = f"{self.dir}/state/job_state"
        until("slurmctld saves its state", lambda: os.path.exists(state) and os.stat(state).st_mtime > before,
              explain=lambda: self.log("slurmctld"))

    def start_node(self, n):
        self.spawn(f"n{n}", "slurmd", "-D", "-N", f"n{n}")

    def kill(self, name, number=signal.SIGKILL):
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait()

    def run(self, *argv):
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=PATIENCE)

    def processes(self, n):
        """Of the jobs on node n."""
        mark, found = [f"SLURMD_NODENAME=n{n}".encode(), f"SLURM_CONF={self.dir}".encode()], []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as text:
                    env = text.read()
                if all(m in env for m in mark):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def kill_busiest(self):
        """A whole node goes down, its slurmd and all that runs there; returns how many processes that were."""
        n = max(range(1, self.nodes + 1), key=lambda n: len(self.processes(n)))
        self.kill(f"n{n}")
        return self.kill_processes(n)

    def kill_processes(self, n):
        found = self.processes(n)
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        return len(found)

    def wait_idle(self, n):
        until("the nodes are idle", lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D").stdout.strip() == str(n),
              explain=lambda: self.log("slurmctld"))

    def jobs(self):
        """[(id, state, name)] of those that have not ended; None: slurmctld does not answer."""
        out = self.run("squeue", "-h", "-r", "-o", "%A|%T|%j")
        return [tuple(line.split("|")) for line in out.stdout.split()] if out.returncode == 0 else None

    def log(self, name):
        try:
            with open(f"{self.dir}/log/{name}") as text:
                return text.read()[-2000:]
        except OSError:
            return ""

    def describe(self):
        """For a failure: what Slurm says of itself."""
        return "\n".join([self.run("squeue", "-a", "-r", "-o", "%A %K %T %j %r %N").stdout,
                          self.run("sinfo", "-N", "-o", "%N %T %E").stdout, self.log("slurmctld")])

    def close(self):
        self.run("scancel", "-u", getpass.getuser())
        for name in reversed(list(self.running)):
            self.kill(name, signal.SIGTERM if name == "munged" else signal.SIGKILL)
        for n in range(1, self.nodes + 1):
            self.kill_processes(n)
        subprocess.run(["pkill", "-9", "-f", f"{self.dir}/"], check=False)
        self.claim.close()
        shutil.rmtree(self.dir, ignore_errors=True)
