#!/usr/bin/env bash
# The topics of docs/KAFKA.md; those that are there stay as they are.
set -euo pipefail
topic() { # name, partitions, settings
  local name=$1 partitions=$2 settings=()
  shift 2
  for setting; do settings+=(--config "$setting"); done
  /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists \
    --topic "$name" --partitions "$partitions" "${settings[@]}"
}
topic predictions 4 retention.ms=1209600000
topic labels 2 retention.ms=2592000000
topic bellwether-verdicts 1 cleanup.policy=compact
topic bellwether-dead-letters 1 retention.ms=2592000000
topic bellwether-state 1 cleanup.policy=compact segment.bytes=134217728 min.cleanable.dirty.ratio=0.1
