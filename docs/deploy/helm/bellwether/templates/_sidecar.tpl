{{- /*
For the chart of a model server that has this one as a dependency, with `workload: sidecar`. Give each template the
subchart's context: `include "bellwether.sidecar.initContainers" .Subcharts.bellwether`. docs/deploy/helm/examples has it whole.

An entry for `initContainers`: a native sidecar starts before the containers and stops after them.
*/ -}}
{{- define "bellwether.sidecar.initContainers" -}}
- {{ include "bellwether.monitorContainer" . | nindent 2 | trim }}
{{- end }}

{{- /* Entries for `volumes`. */ -}}
{{- define "bellwether.sidecar.volumes" -}}
{{ include "bellwether.volumes" . }}
{{- end }}

{{- /* For the pod template's labels: the PodMonitor looks for it. */ -}}
{{- define "bellwether.sidecar.podLabels" -}}
bellwether.io/monitor: {{ include "bellwether.fullname" . }}
{{- end }}

{{- /* For the pod template's annotations: a changed configuration rolls the pods. */ -}}
{{- define "bellwether.sidecar.podAnnotations" -}}
bellwether.io/checksum: {{ include "bellwether.checksum" . }}
{{- end }}

{{- /* For `terminationGracePeriodSeconds`, on top of what the model server itself needs: it is stopped first. */ -}}
{{- define "bellwether.graceSeconds" -}}
{{ add (int .Values.shutdownTimeoutSeconds) 10 }}
{{- end }}
