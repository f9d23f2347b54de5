#!/usr/bin/env bash
# start-kafka.sh DIR PORT [N]   N KRaft brokers (default 1) on 127.0.0.1:PORT, PORT+100, ...; controller on PORT+1, ...
# KAFKA_LIBS=DIR  where the jars are, or are put when they are missing (default DIR/libs).
# SECURE=1        adds SASL_SSL with SCRAM and PLAIN on PORT+2 (alice, bellwether, bellwether-operator / s3cret; CA in
#                 DIR/tls/ca.pem) and SSL with client certificates on PORT+3 (DIR/tls/client.pem, client.key). There only
#                 what an ACL allows is allowed; PORT itself may do everything.
# OWNER=PID       ends the brokers and removes DIR when that process ends, so that none outlives an interrupted test.
# HEAP, TIER      the JVM's heap (default 384m) and highest compiler tier (default 4; 1 starts faster).
# Prints the bootstrap list; pids in DIR/pid.*. Stop with: kill $(cat DIR/pid.*)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); dir=$1; port=$2; n=${3:-1}
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
libs=${KAFKA_LIBS:-$dir/libs}
[ -e "$libs/kafka_2.13-4.1.0.jar" ] || mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$libs" >&2
rf=$(( n < 3 ? n : 3 )); isr=$(( rf > 1 ? 2 : 1 ))
voters=$(for i in $(seq 1 "$n"); do printf '%s%d@127.0.0.1:%d' "$([ "$i" = 1 ] || echo ,)" "$i" $((port+(i-1)*100+1)); done)
if [ -n "${SECURE:-}" ] && [ ! -e "$dir/tls/broker.pem" ]; then
  mkdir -p "$dir/tls"; ( cd "$dir/tls"
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.pem -subj /CN=ci-ca
  openssl req -newkey rsa:2048 -nodes -keyout k.pem -out r.csr -subj /CN=127.0.0.1
  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' > ext
  openssl x509 -req -in r.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out c.pem
  { openssl pkcs8 -topk8 -nocrypt -in k.pem; cat c.pem; } > broker.pem
  openssl req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=bellwether
  openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out client.pem ) 2>/dev/null
fi
if [ -n "${OWNER:-}" ]; then
  # Before the first broker, and deaf to Ctrl-C, so that an interrupted start is cleaned up as well. Detached from our
  # output: whoever reads it must not wait for this.
  ( trap '' HUP INT TERM
    while [ -d "$dir" ] && kill -0 "$OWNER" 2>/dev/null; do sleep 1; done
    for f in "$dir"/pid.*; do [ ! -e "$f" ] || kill -9 "$(cat "$f")" 2>/dev/null || true; done
    # A broker that is being killed may still write.
    rm -rf "$dir" 2>/dev/null || { sleep 1; rm -rf "$dir"; } ) </dev/null >/dev/null 2>&1 &
fi
boot=()
for i in $(seq 1 "$n"); do
  p=$((port+(i-1)*100)); c=$dir/server.$i.properties; l=PLAINTEXT://127.0.0.1:$p
  [ -z "${SECURE:-}" ] || l=$l,SASL_SSL://127.0.0.1:$((p+2)),SSL://127.0.0.1:$((p+3))
  cat > "$c" <<P
process.roles=broker,controller
node.id=$i
controller.quorum.voters=$voters
listeners=$l,CONTROLLER://127.0.0.1:$((p+1))
advertised.listeners=$l
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
log.dirs=$dir/data.$i
num.partitions=4
default.replication.factor=$rf
min.insync.replicas=$isr
offsets.topic.replication.factor=$rf
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$rf
transaction.state.log.min.isr=$isr
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$rf
share.coordinator.state.topic.min.isr=$isr
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
log.retention.bytes=1000000000
log.segment.bytes=134217728
P
  scram=()
  if [ -n "${SECURE:-}" ]; then
    cat >> "$c" <<P
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_bellwether="s3cret";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.ssl.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
P
    for name in alice bellwether bellwether-operator; do scram+=(--add-scram "SCRAM-SHA-512=[name=$name,password=s3cret]"); done
  fi
  [ -e "$dir/data.$i/meta.properties" ] || java -cp "$libs/*" kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk -c "$c" "${scram[@]}" > "$dir/format.$i.log" 2>&1
  java -Xms64m -Xmx"${HEAP:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel="${TIER:-4}" -cp "$libs/*" kafka.Kafka "$c" > "$dir/broker.$i.log" 2>&1 &
  echo $! > "$dir/pid.$i"; boot+=("127.0.0.1:$p")
done
for i in $(seq 1 "$n"); do p=$((port+(i-1)*100))
  for _ in $(seq 1 300); do (exec 3<>/dev/tcp/127.0.0.1/$p) 2>/dev/null && break; sleep 0.2; done
  kill -0 "$(cat "$dir/pid.$i")"
done
( IFS=,; echo "${boot[*]}" )
