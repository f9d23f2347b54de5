{{- /* The topics that Bellwether writes, with the settings of docs/KAFKA.md, as YAML for fromYamlArray. */ -}}
{{- define "bellwether.topics" -}}
{{- $kafka := .Values.config.kafka -}}
{{- with $kafka.verdicts_topic }}
- name: {{ . }}
  config: {cleanup.policy: compact}
{{- end }}
{{- with $kafka.dead_letter_topic }}
- name: {{ . }}
  config: {retention.ms: 2592000000}
{{- end }}
{{- with (.Values.config.state | default dict).changelog_topic }}
- name: {{ . }}
  config: {cleanup.policy: compact, segment.bytes: 134217728, min.cleanable.dirty.ratio: 0.1}
{{- end }}
{{- with $kafka.evidence_topic }}
- name: {{ . }}
  config: {retention.ms: 259200000, message.timestamp.type: LogAppendTime}
- name: {{ . }}-control
  config: {retention.ms: 3600000}
{{- end }}
{{- end }}
