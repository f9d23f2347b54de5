{{- define "bellwether.name" -}}
{{ if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "bellwether.fullname" -}}
{{ include "bellwether.name" . | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* What selects the pods of a standalone workload, and nothing that changes with a version. */ -}}
{{- define "bellwether.selectorLabels" -}}
app.kubernetes.io/name: bellwether
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bellwether.labels" -}}
{{ include "bellwether.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* What the PodMonitor looks for: our own pods, or those of a model server that carry `bellwether.sidecar.podLabels`. */ -}}
{{- define "bellwether.monitoredLabels" -}}
{{- if eq .Values.workload "sidecar" -}}
{{ include "bellwether.sidecar.podLabels" . }}
{{- else -}}
{{ include "bellwether.selectorLabels" . }}
{{- end -}}
{{- end }}

{{- define "bellwether.image" -}}
{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .default }}{{ end }}
{{- end }}

{{- /* How Prometheus asks: of an endpoint of a PodMonitor or a ServiceMonitor. */ -}}
{{- define "bellwether.scrape" -}}
port: bw-http
path: /metrics
authorization:
  credentials:
    name: {{ .Values.access.token.secret }}
    key: {{ .Values.access.token.key }}
{{- if eq .Values.access.encryption "tls" }}
scheme: https
tlsConfig:
  serverName: {{ .Values.access.tls.serverName | default (printf "%s.%s.svc" (include "bellwether.fullname" .) .Release.Namespace) }}
  ca:
    secret:
      name: {{ .Values.access.tls.secret }}
      key: ca.crt
{{- end }}
{{- end }}
