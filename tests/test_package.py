#!/usr/bin/env python3
"""The Debian package (CPack), the systemd unit, and how the service talks to the service manager.

NOCTURNE_BIN is the folder of the binaries; its parent is the build folder.
"""
import glob
import gzip
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from patience import PATIENCE
from service import World

BUILD = os.path.dirname(os.path.abspath(os.environ["NOCTURNE_BIN"]))
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Package(unittest.TestCase):
    def test_the_package_has_program_unit_completion_and_man_page(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", folder], cwd=folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            package, = glob.glob(folder + "/*.deb")
            self.assertRegex(os.path.basename(package), r"^nocturne_\d+\.\d+\.\d+_\w+\.deb$")
            names = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True).stdout
            for path in ("./usr/bin/nocturne", "./usr/bin/nocturne-guard", "lib/systemd/system/nocturne.service", "./usr/share/man/man1/nocturne.1",
                         "./usr/share/bash-completion/completions/nocturne", "./usr/share/nocturne/openapi.yaml"):
                self.assertIn(path, names)
            info = subprocess.run(["dpkg-deb", "-I", package], capture_output=True, text=True).stdout
            for library in ("libmicrohttpd12(t64)?", "libsqlite3-0", "libuv1(t64)?", "libcurl3(t64)?-gnutls", r"libre2-\d+"):  # t64: since Debian 13
                self.assertRegex(info, rf"\b{library}\b")
            subprocess.run(["dpkg-deb", "-x", package, folder + "/root"], check=True)
            with open(folder + "/root/usr/share/man/man1/nocturne.1") as page:
                text = page.read()
            for verb in ("serve", "worker", "token"):
                self.assertIn(f".SS {verb}\n", text)

    @unittest.skipUnless(os.path.isdir(os.path.join(BUILD, "page")) and os.path.exists(os.path.join(ROOT, ".git")), "built without the page, or no clone")
    def test_the_sources_of_all_that_is_in_the_page_can_be_handed_on(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "sources.tar.gz")
            done = subprocess.run(["node", "tuner/service/page/sources.mjs", out], cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = subprocess.run(["tar", "-tzf", out], capture_output=True, text=True, check=True).stdout
            with gzip.open(os.path.join(BUILD, "page/out/third-party.txt.gz"), "rt") as text:
                inside = re.findall(r"^={80}\n(\S+) (\S+) \(", text.read(), re.M)
            self.assertGreater(len(inside), 4)
            for name, version in inside:
                self.assertIn(f"nocturne/npm/{name.lstrip('@').replace('/', '-')}-{version}.tgz\n", names)
            self.assertIn("nocturne/tuner/service/page/src/main.tsx\n", names)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_unit_is_valid_and_hardened(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = os.path.join(folder, "nocturne.service")
            with open(os.path.join(ROOT, "tuner/service/nocturne.service")) as text, open(unit, "w") as out:
                out.write(text.read().replace("/usr/bin/nocturne", os.path.join(BUILD, "bin/nocturne")))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
            self.assertEqual((done.returncode, [line for line in done.stderr.splitlines() if "nocturne" in line]), (0, []))
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", unit], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout[-3000:])  # exposure 2.5 of 10 at most


class Notify(World):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.folder.name, "n"))
        self.notify.settimeout(PATIENCE)
        self.ENV = {"NOTIFY_SOCKET": os.path.join(self.folder.name, "n"), "WATCHDOG_USEC": "400000"}
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.notify.close()
        self.folder.cleanup()

    def test_ready_watchdog_stopping(self):
        self.assertEqual(self.notify.recv(100), b"READY=1")
        for _ in range(3):
            self.assertEqual(self.notify.recv(100), b"WATCHDOG=1")
        self.server.terminate()
        while (word := self.notify.recv(100)) == b"WATCHDOG=1":
            pass
        self.assertEqual(word, b"STOPPING=1")
        self.assertEqual(self.server.wait(timeout=PATIENCE), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
