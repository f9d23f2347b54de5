{{- /* Values as TOML. Helm's own toToml writes 1000000 as 1e+06, which is no whole number. */ -}}

{{- define "bellwether.toml.value" -}}
{{- if kindIs "string" . -}}{{ toJson . }}
{{- else if kindIs "slice" . -}}
[{{ range $i, $item := . }}{{ if $i }}, {{ end }}{{ include "bellwether.toml.value" $item }}{{ end }}]
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}{{ printf "%.0f" . }}
{{- else -}}{{ toJson . }}{{- end -}}
{{- end }}

{{- define "bellwether.toml.key" -}}
{{ if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{- /* A table and those in it: (dict "table" … "path" …). Values come before tables, as TOML needs it. */ -}}
{{- define "bellwether.toml.table" -}}
{{- $path := .path -}}
{{- if $path }}
[{{ $path }}]
{{ end -}}
{{- range $key, $value := .table -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) -}}
{{ include "bellwether.toml.key" $key }} = {{ include "bellwether.toml.value" $value }}
{{ end -}}
{{- end -}}
{{- range $key, $value := .table -}}
{{- if kindIs "map" $value -}}
{{- $name := include "bellwether.toml.key" $key -}}
{{ include "bellwether.toml.table" (dict "table" $value "path" (ternary (printf "%s.%s" $path $name) $name (ne $path ""))) }}
{{- end -}}
{{- end -}}
{{- end }}
