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

# Builds test programs without libtorch under a sanitizer and runs them: under_sanitizer KINDS PROGRAM...
under_sanitizer() {
  local sanitizer=$1 folder="$build-${1%%,*}"
  shift
  cmake -S "$source_dir" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O0 -g1" \
    -DATTUNE_FINETUNE=OFF -DATTUNE_EXAMPLES=OFF -DATTUNE_BENCHMARKS=OFF -DATTUNE_PROGRAMS=OFF -DATTUNE_INSTALL=OFF -DATTUNE_SANITIZE="$sanitizer" >/dev/null
  cmake --build "$folder" -j "$jobs" --target "$@"
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ctest --test-dir "$folder" --output-on-failure -j "$jobs" -R "^($(IFS='|'; echo "$*"))\$"
}

if [ "${ATTUNE_CI:-0}" = 1 ]; then
  # What reads foreign bytes or owns memory by hand; the thread sanitizer where the core's threads are. Instrumented compilation is
  # dear: all programs would take half an hour more.
  under_sanitizer address,undefined test_space test_study test_stopping test_tune test_storage test_metrics test_files test_execute
  under_sanitizer thread test_tune test_storage
  # Everything that reads bytes of others, for seconds each; findings fail the run. In full: tests/fuzz/run.sh 300.
  ATTUNE_FUZZ_DIR="$build-fuzz" ATTUNE_FUZZ_FLAGS=-O0 ATTUNE_JOBS="$jobs" "$source_dir/tests/fuzz/run.sh" 4
fi

cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DATTUNE_STRICT=$strict >/dev/null
cmake --build "$build" -j "$jobs"
ctest --test-dir "$build" --output-on-failure -j "$jobs"
