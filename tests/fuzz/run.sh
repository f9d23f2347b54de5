#!/usr/bin/env bash
# run.sh SECONDS [TARGET...]   fuzzes each target (default: all) for so long, one after the other, and reports the executions.
# Starts from the corpus; what is found meanwhile is kept in target/fuzzing/corpus from run to run. Ends with an error at the
# first input that breaks a promise, hangs, or takes too much memory, and leaves it in target/fuzzing/found.
# Needs a C++ compiler, and no nightly toolchain: see docs/decisions/0017-fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?seconds for each target}; shift
here=tests/fuzz; work=$PWD/target/fuzzing; host=$(rustc -vV | sed -n 's/^host: //p')
targets=("$@"); [ $# -gt 0 ] || for folder in "$here"/corpus/*; do targets+=("$(basename "$folder")"); done

# The flags are for the host's code alone, not for build scripts: hence --target. Without --cfg fuzzing, so that what is
# fuzzed is what runs.
level='-Cllvm-args=-sanitizer-coverage'
RUSTFLAGS="-Cpasses=sancov-module $level-level=4 $level-inline-8bit-counters $level-pc-table $level-trace-compares" \
  cargo build --locked --profile fuzz --target "$host" --target-dir "$work" -p bellwether-fuzz --features libfuzzer --bin fuzz

total=0
for target in "${targets[@]}"; do
  mkdir -p "$work/corpus/$target" "$work/found"
  log=$work/$target.log
  # Files that a target writes go to memory.
  status=0
  TMPDIR=/dev/shm BELLWETHER_FUZZ_TARGET=$target nice -n 19 "$work/$host/fuzz/fuzz" "$work/corpus/$target" "$here/corpus/$target" \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3072 -max_len=20480 -dict="$here/dictionary.txt" \
    -artifact_prefix="$work/found/$target-" -print_final_stats=1 -verbosity=1 > "$log" 2>&1 || status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
  printf '%-18s %10s executions, %s\n' "$target" "${executions:-0}" "$edges"
  if [ "$status" != 0 ]; then tail -40 "$log"; exit 1; fi
  total=$((total + executions))
done
echo "$total executions, nothing found"
