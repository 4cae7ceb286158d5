#!/usr/bin/env python3
"""What the build needs from a system: CMake says at once all that is missing, with the packages that have it; scripts and
README name the same packages."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from patience import PATIENCE

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as text:
        return text.read()


def shell_list(name):
    return re.search(rf'^{name}="([^"]*)"', read("examples/install.sh"), re.M).group(1).replace("\\\n", "").split()


class Libraries(unittest.TestCase):
    MODULES = {"libuv": "libuv1-dev", "sqlite3": "libsqlite3-dev", "yaml-0.1": "libyaml-dev", "jansson": "libjansson-dev",
               "nlopt": "libnlopt-dev", "gnutls": "libgnutls28-dev", "libmicrohttpd": "libmicrohttpd-dev",
               "libcurl": "libcurl4-gnutls-dev", "cmocka": "libcmocka-dev", "re2": "libre2-dev", "zlib": "zlib1g-dev",
               "libqrencode": "libqrencode-dev"}

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nocturne-needs-")
        self.known = os.path.join(self.folder, "pkgconfig")
        os.mkdir(self.known)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def know_all_but(self, *modules):
        where = subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"], capture_output=True, text=True).stdout.strip()
        for folder in filter(os.path.isdir, where.split(":")):
            for name in set(os.listdir(folder)) - {m + ".pc" for m in modules} - set(os.listdir(self.known)):
                os.symlink(os.path.join(folder, name), os.path.join(self.known, name))

    def configure(self, *options):
        env = {k: v for k, v in os.environ.items() if not k.startswith("PKG_CONFIG")} | {"PKG_CONFIG_LIBDIR": self.known}
        done = subprocess.run(["cmake", "-S", ROOT, "-B", os.path.join(self.folder, "build"), "-G", "Ninja", *options], env=env,
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr.count("CMake Error")), (1, 1), done.stdout + done.stderr)
        return done.stderr

    def test_all_that_are_missing_are_said_at_once(self):
        said = self.configure("-DCMAKE_DISABLE_FIND_PACKAGE_GSL=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_BLAS=ON")
        wanted = self.MODULES | {"gsl": "libgsl-dev", "openblas": "libopenblas-dev"}
        self.assertEqual(dict(re.findall(r"^ +no (\S+): (\S+) has it \(Fedora: \S+\)$", said, re.M)), wanted)
        self.assertEqual(set(re.search(r"apt-get install (.*)", said).group(1).split()), set(wanted.values()))
        self.assertEqual(len(re.search(r"dnf install (.*)", said).group(1).split()), len(wanted))

    def test_what_is_there_is_not_asked_for(self):
        self.know_all_but("jansson")
        said = self.configure()
        self.assertEqual(re.findall(r"^ +no (\S+): ", said, re.M), ["jansson"])
        self.assertRegex(said, r"(?m)apt-get install libjansson-dev$")

    def test_a_compiler_without_sanitizers(self):
        bare = os.path.join(self.folder, "cc")
        with open(bare, "w") as f:
            f.write('#!/bin/sh\ncase " $* " in *" -fsanitize="*) echo "cannot find libasan" >&2; exit 1 ;; esac\nexec cc "$@"\n')
        os.chmod(bare, 0o755)
        self.know_all_but()
        said = self.configure(f"-DCMAKE_C_COMPILER={bare}", "-DNOCTURNE_SANITIZE=ON")
        self.assertEqual(re.findall(r"^ +no (.+): gcc has it \(Fedora: libasan libubsan\)", said, re.M), ["ASan and UBSan for gcc"])

    def test_without_tests_nothing_of_theirs_is_asked_for(self):
        said = self.configure("-DBUILD_TESTING=OFF", "-DPKG_CONFIG_EXECUTABLE=/nonexistent")
        self.assertRegex(said, "no pkg-config, so most libraries are not found: pkg-config has it")
        self.assertNotIn("cmocka", said)


class Packages(unittest.TestCase):
    def test_scripts_and_readme_name_what_cmake_names(self):
        rules, readme = read("libraries.cmake"), read("README.md")
        rows = re.findall(r"^ *(?:set\(modules |list\(APPEND modules )?[A-Z0-9]+:\S+?:([a-z0-9-]+):([\w-]+)\)?$", rules, re.M)
        rows += re.findall(r'^ *need\("[^"]*" (?:"[^"]*"|[\w-]+) ([a-z][a-z0-9-]+) "?([\w -]+)"?\)', rules, re.M)
        self.assertEqual(len(rows), 22)
        installed = shell_list("build_packages") + shell_list("test_packages") + shell_list("fuzz_packages")
        for debian, fedora in rows:
            self.assertIn(debian, installed)
            for package in fedora.split():
                self.assertRegex(readme, rf"(?m)(^|\s){re.escape(package)}(\s|$)")

    def test_no_package_is_asked_for_by_the_version_of_one_release(self):
        for name in ("build", "demo", "test", "slurm", "fuzz"):
            for package in shell_list(name + "_packages"):
                self.assertNotRegex(package, r"-\d")

    def test_a_system_without_apt_is_told_what_to_install(self):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(shutil.which("basename"), folder + "/basename")
            done = subprocess.run(["/bin/sh", "-c", f". {ROOT}/examples/install.sh; install_missing gcc libuv1-dev"],
                                  env={"PATH": folder}, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"needs apt-get .*README\.md.*: gcc libuv1-dev$")


if __name__ == "__main__":
    unittest.main()
