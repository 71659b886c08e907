{{- define "meshmigrate.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "meshmigrate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "meshmigrate.labels" -}}
{{- $own := dict
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) -}}
{{- merge (include "meshmigrate.selector" . | fromYaml) $own .Values.labels | toYaml -}}
{{- end -}}

{{/*
The metadata of an object of the chart; what the chart needs wins over what the values say.
Takes root, and where they differ from the usual: name, namespace or clusterWide, labels.
*/}}
{{- define "meshmigrate.metadata" -}}
{{- $labels := include "meshmigrate.labels" .root | fromYaml -}}
name: {{ .name | default (include "meshmigrate.name" .root) }}
{{- if not .clusterWide }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels: {{- merge $labels (.labels | default dict) | toYaml | nindent 2 }}
{{- with .root.Values.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "meshmigrate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* One way out: to peers, or to anybody if there are none, at ports by protocols (TCP). */}}
{{- define "meshmigrate.egress" -}}
{{- $protocols := .protocols | default (list "TCP") -}}
- ports:
    {{- range $port := .ports }}
    {{- range $protocols }}
    - port: {{ $port }}
      protocol: {{ . }}
    {{- end }}
    {{- end }}
  {{- with .peers }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* No rule names Secrets: the kubelet mounts them into the runner's pod. */}}
{{- define "meshmigrate.rules" -}}
- apiGroups: [migrations.meshhook.dev]
  resources: [databasemigrations]
  verbs: [get, list, watch, patch]
- apiGroups: [migrations.meshhook.dev]
  resources: [databasemigrations/status]
  verbs: [update]
# An ownerReference with blockOwnerDeletion needs it where the API server checks that.
- apiGroups: [migrations.meshhook.dev]
  resources: [databasemigrations/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The progress of a run is in its runner's log.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end -}}
