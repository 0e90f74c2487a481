#!/usr/bin/env bash
# Make a Python virtual environment: make_venv.sh FOLDER. PYTHON names the interpreter to take.
set -euo pipefail

venv=$1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# The packages can be installed without asking only by root, on Debian and what descends from it.
install_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing $* with apt-get"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null </dev/null
}

find_python() {
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

python=$(find_python) || { install_packages python3 python3-venv && python=$(find_python); } ||
    fail "Python 3.11 or later is needed. Install it, or name one: make PYTHON=/path/to/python3.12"
package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')

make_venv() {
    "$python" -m venv "$venv" >/dev/null 2>&1 || { rm -rf "$venv" && return 1; }
}

echo "Making $venv with $("$python" --version)"
make_venv || { install_packages "$package" && make_venv; } || fail \
    "$python cannot make virtual environments: its venv or ensurepip module is missing." \
    "Install it: on Debian and Ubuntu \"sudo apt-get install $package\", elsewhere the package that brings python3 -m venv."
