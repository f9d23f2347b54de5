{{- /* Whole in each container, so that it holds in the pod of a model server too, whose own context is not ours. */ -}}
{{- define "bellwether.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* A probe's request. The kubelet takes any certificate. */ -}}
{{- define "bellwether.httpGet" -}}
httpGet:
  path: {{ .path }}
  port: bw-http
  {{- if eq .context.Values.access.encryption "tls" }}
  scheme: HTTPS
  {{- end }}
{{- end }}

{{- define "bellwether.monitorContainer" -}}
name: bellwether
image: {{ include "bellwether.image" (dict "image" .Values.image "default" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if eq .Values.workload "sidecar" }}
restartPolicy: Always
{{- end }}
ports:
  - name: bw-http
    containerPort: 8177
args: [run, --config, /etc/bellwether/bellwether.toml, --log, {{ .Values.logLevel }}]
{{- if or (eq .Values.workload "standalone") .Values.env }}
env:
  {{- if eq .Values.workload "standalone" }}
  # Its name in the consumer group.
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- if .Values.startupProbe.enabled }}
startupProbe:
  {{- include "bellwether.httpGet" (dict "path" "/healthz" "context" .) | nindent 2 }}
  periodSeconds: 2
  failureThreshold: {{ .Values.startupProbe.failureThreshold }}
{{- end }}
# Fails after a minute in which the loop has not turned; brokers that are away do not stop it.
livenessProbe:
  {{- include "bellwether.httpGet" (dict "path" "/healthz" "context" .) | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- if eq .Values.workload "standalone" }}
# Not in a model server's pod: a sidecar that is not ready would take the model out of service.
readinessProbe:
  {{- include "bellwether.httpGet" (dict "path" "/readyz" "context" .) | nindent 2 }}
  timeoutSeconds: 3
{{- end }}
securityContext:
  {{- include "bellwether.securityContext" . | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: bellwether-config
    mountPath: /etc/bellwether
    readOnly: true
  - name: bellwether-reference
    mountPath: /reference
    readOnly: true
  - name: bellwether-token
    mountPath: /run/secrets/bellwether-token
    readOnly: true
  {{- if eq .Values.access.encryption "tls" }}
  - name: bellwether-tls
    mountPath: /run/secrets/bellwether-tls
    readOnly: true
  {{- end }}
  {{- if .Values.state.enabled }}
  - name: bellwether-state
    mountPath: /var/lib/bellwether
  {{- end }}
  {{- range $i, $files := .Values.secretFiles }}
  - name: bellwether-files-{{ $i }}
    mountPath: {{ $files.path }}
    readOnly: true
  {{- end }}
{{- end }}

{{- /* All but the volume that a StatefulSet claims for each pod. */ -}}
{{- define "bellwether.volumes" -}}
- name: bellwether-config
  configMap:
    name: {{ include "bellwether.fullname" . }}
- name: bellwether-reference
  {{- toYaml .Values.reference.volume | nindent 2 }}
- name: bellwether-token
  secret:
    secretName: {{ .Values.access.token.secret }}
    items:
      - {key: {{ .Values.access.token.key }}, path: token}
{{- if eq .Values.access.encryption "tls" }}
- name: bellwether-tls
  secret:
    secretName: {{ .Values.access.tls.secret }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- if and .Values.state.enabled (or (eq .Values.workload "sidecar") (not .Values.state.persistence.enabled)) }}
- name: bellwether-state
  emptyDir:
    sizeLimit: {{ .Values.state.size }}
{{- end }}
{{- range $i, $files := .Values.secretFiles }}
- name: bellwether-files-{{ $i }}
  {{- if $files.secret }}
  secret:
    secretName: {{ $files.secret }}
  {{- else }}
  configMap:
    name: {{ $files.configMap }}
  {{- end }}
{{- end }}
{{- end }}
