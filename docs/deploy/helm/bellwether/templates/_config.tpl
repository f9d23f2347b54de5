{{- /* bellwether.toml: `config`, and what follows from how it is deployed. */ -}}
{{- define "bellwether.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $kafka := get $config "kafka" | default dict -}}
{{- $state := get $config "state" | default dict -}}
{{- $_ := set $config "reference" (printf "/reference/%s" .Values.reference.file) -}}
{{- $_ := set $config "shutdown_timeout" (printf "%ds" (int .Values.shutdownTimeoutSeconds)) -}}
{{- $listen := get $config "listen" | default dict -}}
{{- if not (hasKey $listen "address") -}}
{{- $_ := set $listen "address" "0.0.0.0:8177" -}}
{{- end -}}
{{- $_ := set $listen "token" "file:/run/secrets/bellwether-token/token" -}}
{{- if eq .Values.access.encryption "tls" -}}
{{- $_ := set $listen "certificate" "/run/secrets/bellwether-tls/tls.crt" -}}
{{- $_ := set $listen "key" "/run/secrets/bellwether-tls/tls.key" -}}
{{- else -}}
{{- $_ := set $listen "encryption" "elsewhere" -}}
{{- end -}}
{{- $_ := set $config "listen" $listen -}}
{{- if .Values.state.enabled -}}
{{- $_ := set $state "directory" "/var/lib/bellwether/state" -}}
{{- end -}}
{{- if $state -}}
{{- $_ := set $config "state" $state -}}
{{- end -}}
{{- if eq .Values.workload "standalone" -}}
{{- /* A pod of a StatefulSet comes back under its name, and is given its partitions at once. */ -}}
{{- $properties := get $kafka "properties" | default dict -}}
{{- if not (hasKey $properties "group.instance.id") -}}
{{- $_ := set $properties "group.instance.id" "env:POD_NAME" -}}
{{- end -}}
{{- $_ := set $kafka "properties" $properties -}}
{{- end -}}
{{- $_ := set $config "kafka" $kafka -}}
{{ include "bellwether.toml.table" (dict "table" $config "path" "") }}
{{- end }}

{{- /* A change rolls the pods: the configuration is read once, at the start. */ -}}
{{- define "bellwether.checksum" -}}
{{ include "bellwether.config" . | sha256sum }}
{{- end }}

{{- /* What the schema cannot say, refused before anything is rendered. */ -}}
{{- define "bellwether.checkValues" -}}
{{- $several := or (gt (int .Values.replicas) 1) .Values.keda.enabled -}}
{{- $kafka := .Values.config.kafka -}}
{{- if and $several (not $kafka.evidence_topic) -}}
{{- fail "several replicas would each judge a part of the traffic: set config.kafka.evidence_topic (docs/KAFKA.md)" -}}
{{- end -}}
{{- if and $kafka.evidence_topic (not .Values.state.enabled) -}}
{{- fail "config.kafka.evidence_topic needs state.enabled" -}}
{{- end -}}
{{- if and (eq .Values.workload "sidecar") (or .Values.keda.enabled .Values.serviceMonitor.enabled .Values.networkPolicy.enabled .Values.podDisruptionBudget.enabled) -}}
{{- fail "keda, serviceMonitor, networkPolicy and podDisruptionBudget are for pods of our own: beside a model server they are its owner's" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor and serviceMonitor would scrape everything twice: enable one" -}}
{{- end -}}
{{- end }}
