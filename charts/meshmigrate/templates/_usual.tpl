{{/*
What is in force where the values say nothing, as in values.yaml: an upgrade with --reuse-values takes the
defaults of the chart before, which does not have what has come since.
*/}}
{{- define "meshmigrate.usual" -}}
image:
  repository: localhost/meshmigrate
  tag: dev
  digest: ''
  pullPolicy: IfNotPresent
imagePullSecrets: []
runner:
  image: ''
  pullPolicy: IfNotPresent
watchNamespaces: []
allowedSecrets:
- '*'
allowedHosts:
- '*.<namespace>.svc'
allowedServiceAccounts:
- default
allowedLabels: []
allowedAnnotations:
- cluster-autoscaler.kubernetes.io/safe-to-evict
- karpenter.sh/do-not-disrupt
replicas: 2
leaderElection:
  leaseDurationSeconds: 15
  renewDeadlineSeconds: 10
  retryPeriodSeconds: 2
crds:
  install: true
notifications:
  secretName: ''
traces:
  endpoint: ''
logLevel: INFO
logFormat: json
resources:
  requests:
    cpu: 20m
    memory: 96Mi
  limits:
    memory: 256Mi
nodeSelector: {}
tolerations: []
affinity: {}
priorityClassName: ''
topologySpreadConstraints:
- topologyKey: kubernetes.io/hostname
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
- topologyKey: topology.kubernetes.io/zone
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
labels: {}
annotations: {}
podLabels: {}
podAnnotations: {}
networkPolicy:
  enabled: false
  apiServer:
    ports:
    - 443
    - 6443
    to: []
  dns:
    ports:
    - 53
    to: []
  databases:
    ports:
    - 5432
    to: []
  notifications:
    ports:
    - 443
    - 587
    to: []
  traces:
    ports:
    - 4318
    to: []
  metrics:
    from: []
  runnerNamespaces: []
alerts:
  enabled: false
  labels: {}
  runbookBaseURL: ''
serviceMonitor:
  enabled: false
  labels: {}
  interval: 30s
dashboard:
  enabled: false
  labels:
    grafana_dashboard: '1'
{{- end -}}

{{/* Fill in what the values lack. What somebody has taken out of resources or labels stays out. */}}
{{- define "meshmigrate.fill" -}}
{{- range $name, $usual := .usual }}
{{- if not (hasKey $.values $name) }}
{{- $_ := set $.values $name $usual }}
{{- else if and (kindIs "map" $usual) (not (has $name (list "resources" "labels"))) }}
{{- include "meshmigrate.fill" (dict "values" (get $.values $name) "usual" $usual) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Every template begins with it. */}}
{{- define "meshmigrate.values" -}}
{{- include "meshmigrate.fill" (dict "values" .Values "usual" (include "meshmigrate.usual" . | fromYaml)) -}}
{{- end -}}
