# Sourced by examples/overnight.sh and tests/run.sh: installs the Debian packages that are missing.
#
#   install_missing PACKAGE…     says what it installs; ends the script with a sentence if that fails

build_packages="gcc g++ libc6-dev cmake ninja-build pkg-config libgsl-dev libnlopt-dev libopenblas-dev libuv1-dev \
libsqlite3-dev libyaml-dev libjansson-dev libgnutls28-dev libmicrohttpd-dev libcurl4-gnutls-dev libre2-dev \
zlib1g-dev libqrencode-dev libsystemd-dev nodejs npm"
demo_packages="pocketsphinx-en-us"
test_packages="libcmocka-dev python3-minimal python3 python3-pyte python3-venv curl openssl dpkg-dev file chromium"
slurm_packages="slurmctld slurmd slurm-client munge procps"
fuzz_packages="clang llvm libclang-rt-dev" # of the version that is this system's own

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# node and npm may also come from elsewhere than Debian, whose packages would conflict with them.
is_installed() {
    case $1 in
    nodejs) ! command -v node >/dev/null || return 0 ;;
    npm) ! command -v npm >/dev/null || return 0 ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_missing() {
    command -v apt-get >/dev/null || die "this script needs apt-get (Debian, Ubuntu); README.md has the names of Fedora; elsewhere install by hand: $*"
    missing=
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "root is needed to install:$missing. Run this as root, or install sudo"
        as_root=sudo
    fi
    echo "installing Debian packages:$missing"
    log=$(mktemp)
    { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing; } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        die "cannot install$missing (the whole output is in $log)"
    }
    rm -f "$log"
}
