#!/usr/bin/env bash
# Sets up, builds and runs the main job. Arguments go to tune_images; without any it makes its own data and backbone.
#   scripts/demo.sh --data my_images --weights mobilenet_v2.safetensors --model mobilenet_v2
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${ATTUNE_BUILD_DIR:-$source_dir/build}

"$source_dir/scripts/setup.sh" >&2
if [ ! -f "$build/build.ninja" ]; then
  cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >&2
fi
cmake --build "$build" --target tune_images -j "${ATTUNE_JOBS:-2}" >&2
exec "$build/bin/tune_images" "$@"
