#!/usr/bin/env bash
# Builds the fuzzers and runs each for so many seconds: tests/fuzz/run.sh [SECONDS] [NAME...]
# Findings and new inputs are left in the build folder (ATTUNE_FUZZ_DIR, by default build-fuzz). CI, which runs them for
# seconds, builds with ATTUNE_FUZZ_FLAGS=-O0.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${ATTUNE_FUZZ_DIR:-$source_dir/build-fuzz}
seconds=${1:-300}
[ $# -gt 0 ] && shift
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in "$source_dir"/tests/fuzz/*.cpp; do names+=("$(basename "$file" .cpp)"); done
fi
compiler=$(command -v clang++ || command -v clang++-14) || {
  echo "clang++ is missing; Debian: apt-get install clang libclang-rt-14-dev" >&2
  exit 1
}
cmake -S "$source_dir" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="${ATTUNE_FUZZ_FLAGS:--O1}" -DCMAKE_CXX_COMPILER="$compiler" -DATTUNE_FUZZ=ON \
  -DATTUNE_FINETUNE=OFF -DATTUNE_PROGRAMS=OFF -DATTUNE_EXAMPLES=OFF -DATTUNE_BENCHMARKS=OFF -DATTUNE_INSTALL=OFF >/dev/null
cmake --build "$build" -j "${ATTUNE_JOBS:-2}" --target "${names[@]/#/fuzz_}"
for name in "${names[@]}"; do
  new=$build/fuzz/$name
  mkdir -p "$new"
  echo "fuzz_$name: $seconds s"
  # -close_fd_mask=1 hides what SQLite and others print; the fuzzer's own lines go to the error output.
  "$build/bin/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$new/finding-" "$new" "$source_dir/tests/fuzz/corpus/$name" >"$new.log" 2>&1 || {
    tail -40 "$new.log"
    exit 1
  }
  grep -E "^stat::number_of_executed_units|^Done" "$new.log" || true
done
