#!/usr/bin/env bash
# Sets up, builds everything and runs all tests; ends with ctest's summary.
# With ATTUNE_CI=1 warnings are errors, and the parts without libtorch also run under the sanitizers.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${ATTUNE_BUILD_DIR:-$source_dir/build}
jobs=${ATTUNE_JOBS:-2}
strict=OFF
[ "${ATTUNE_CI:-0}" = 1 ] && strict=ON

"$source_dir/scripts/setup.sh"

if [ "${ATTUNE_CI:-0}" = 1 ]; then
  for sanitizer in address,undefined thread; do
    folder="$build-${sanitizer%%,*}"
    cmake -S "$source_dir" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DATTUNE_FINETUNE=OFF -DATTUNE_EXAMPLES=OFF \
      -DATTUNE_BENCHMARKS=OFF -DATTUNE_INSTALL=OFF -DATTUNE_SANITIZE="$sanitizer" >/dev/null
    cmake --build "$folder" -j "$jobs"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ctest --test-dir "$folder" --output-on-failure -j "$jobs" -LE 'package|long'
  done
fi

cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DATTUNE_STRICT=$strict >/dev/null
cmake --build "$build" -j "$jobs"
ctest --test-dir "$build" --output-on-failure -j "$jobs"
