#!/usr/bin/env bash
# Train the committed weights again, with the commands that weights/README.md names, and bring its table up to date.
#
#     build_scripts/train_weights.sh [RECIPE...]      all, or those named
#
# Same data, build and instruction set: the same bytes.  Needs build/pmoe and the data (make native data).
set -euo pipefail
cd "$(dirname "$0")/.."

recipes=("$@")
[ ${#recipes[@]} -gt 0 ] || recipes=(mosaic-cnn mosaic-separate mosaic-joint mosaic10-cnn mosaic10-pmoe
    board-deep-pmoe board-cnn cifar-wrn cifar-wrn-pmoe cifar-deep-pmoe cifar-head-dense cifar-head-soft cifar-head-sparse cifar-head-hard
    vehicles-wrn vehicles-wrn-pmoe)

for recipe in "${recipes[@]}"; do
    data=data/mnist
    case $recipe in cifar-* | vehicles-*) data=data/cifar10 ;; esac
    build/pmoe train "$recipe" --data "$data" --seed 1 --out "weights/$recipe.safetensors"
done
node build_scripts/weights_table.mjs
