#!/usr/bin/env bash
# Installs what is missing of Debian's and npm's packages, and nothing that is there.
#
#     build_scripts/install.sh native|wasm|data|test|browser|peers ...
#
# A package counts as there when the command or file that it is wanted for is there, wherever that came from.  Without
# root, apt or a network it names exactly what is missing and stops with exit code 1.  It never adds sources, keys or
# architectures to the system: the one foreign library that tests need (cmocka for AArch64) goes into build/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# package:what it is wanted for (a command, or a file when it begins with /)
native=(gcc:gcc make:make libc6-dev:/usr/include/stdio.h libjsmn-dev:/usr/include/jsmn.h
    libstb-dev:/usr/include/stb/stb_image.h)
wasm=(make:make emscripten:emcc nodejs:node clang-19:clang-19 lld-19:wasm-ld-19 libjsmn-dev:/usr/include/jsmn.h
    libstb-dev:/usr/include/stb/stb_image.h)
data=(nodejs:node npm:npm)
# shellcheck disable=SC2034 # read through declare -n
test=("${native[@]}" "${wasm[@]}" "${data[@]}" libcmocka-dev:/usr/include/cmocka.h
    "libclang-rt-19-dev:/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-$(uname -m).a" clang-format:clang-format
    shellcheck:shellcheck gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
    libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/lib/libc.so.6 qemu-user:qemu-aarch64 chromium:chromium)

# shellcheck disable=SC2034
browser=("${wasm[@]}" npm:npm chromium:chromium)

# shellcheck disable=SC2034
peers=("${native[@]}" "${browser[@]}")

arm64=build/arm64
arm64_packages=(libcmocka-dev libcmocka0)

say() {
    printf 'install: %s\n' "$*"
}

die() {
    printf 'install: %s\n' "$@" >&2
    exit 1
}

is_there() {
    case $1 in
    /*) [[ -e $1 ]] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Packages of the given package:thing pairs whose thing is missing, each once.
missing_of() {
    local pair
    for pair in "$@"; do
        is_there "${pair#*:}" || printf '%s\n' "${pair%%:*}"
    done | sort -u
}

install_packages() {
    local wanted=("$@") packages
    mapfile -t packages < <(missing_of "${wanted[@]}")
    [[ ${#packages[@]} -eq 0 ]] && return
    local by_hand="as root: apt-get install --no-install-recommends ${packages[*]}"
    is_there apt-get || die "missing: ${packages[*]}" "there is no apt-get here; install them in this system's own way"
    [[ $(id -u) -eq 0 ]] || die "missing: ${packages[*]}" "$by_hand"
    say "apt packages: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || say "the package lists could not be brought up to date"
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
        die "apt-get failed; missing: $(missing_of "${wanted[@]}" | tr '\n' ' ')" "$by_hand"
    mapfile -t packages < <(missing_of "${wanted[@]}")
    [[ ${#packages[@]} -eq 0 ]] || die "still missing after apt-get: ${packages[*]}"
}

check_node() {
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    ((major >= 18)) || die "node 18 or newer is needed, found $(node --version)"
}

# The packages of package-lock.json, exactly.
install_npm() {
    [[ node_modules/.package-lock.json -nt package-lock.json ]] && return
    say "npm packages of package-lock.json"
    npm ci --no-fund --no-audit --loglevel=error >/dev/null ||
        die "npm ci failed; missing: node_modules/ as in package-lock.json" "by hand: npm ci"
}

# Unpack the AArch64 build of cmocka into build/, with package lists of its own, so that the system stays as it is.
install_arm64() {
    local library=$arm64/usr/lib/aarch64-linux-gnu/libcmocka.so
    [[ -e $library || -e /usr/lib/aarch64-linux-gnu/libcmocka.so ]] && return
    say "AArch64 packages into $arm64: ${arm64_packages[*]}"
    local apt=$PWD/$arm64/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$arm64/deb"
    local options=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Dir::State::status=/dev/null)
    { apt-get "${options[@]}" update && (cd "$arm64/deb" && apt-get "${options[@]}" download "${arm64_packages[@]}"); } ||
        die "missing: ${arm64_packages[*]} for arm64, which apt-get could not fetch"
    local package
    for package in "$arm64"/deb/*.deb; do
        dpkg -x "$package" "$arm64"
    done
    rm -rf "$apt" "$arm64/deb"
    [[ -e $library ]] || die "missing: $library, which the fetched packages do not hold"
}

(($# > 0)) || die "expected one or more of native, wasm, data, test, browser, peers"
pairs=()
for group in "$@"; do
    case $group in
    native | wasm | data | test | browser | peers)
        declare -n list=$group
        pairs+=("${list[@]}")
        ;;
    *) die "expected native, wasm, data, test, browser or peers, found \"$group\"" ;;
    esac
done
install_packages "${pairs[@]}"
if is_there node; then
    check_node
fi
if [[ " $* " =~ \ (test|browser|peers)\  ]]; then
    install_npm
fi
if [[ " $* " == *" test "* ]]; then
    install_arm64
fi
