{{- define "hoop-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "hoop-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "hoop-exporter.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "hoop-exporter.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "hoop-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hoop-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hoop-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "hoop-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Metadata of an object. The argument is a dict with the root, and with name, namespace, labels and annotations if the object has its own. */}}
{{- define "hoop-exporter.metadata" -}}
name: {{ default (include "hoop-exporter.fullname" .root) .name }}
namespace: {{ default .root.Release.Namespace .namespace }}
labels:
  {{- include "hoop-exporter.labels" .root | fromYaml | mergeOverwrite (dict) .root.Values.commonLabels (default dict .labels) | toYaml | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (default dict .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.image" -}}
{{- with default .Values.image.registry .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Whether there is a file with many gateways. */}}
{{- define "hoop-exporter.fleet" -}}
{{- if or .Values.config.file .Values.config.existingSecret }}true{{ end }}
{{- end }}

{{/* Whether exporters share a database. */}}
{{- define "hoop-exporter.database" -}}
{{- if .Values.state.postgres.existingSecret }}true{{ end }}
{{- end }}

{{/* The milliseconds of a duration. */}}
{{- define "hoop-exporter.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 }}
{{- $sum = regexFind "[0-9]+" . | int64 | mul (get $units (regexFind "[a-z]+" .)) | add $sum }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* Fails for values that cannot work, if the schema cannot reject them. */}}
{{- define "hoop-exporter.check" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor together would scrape each exporter twice: enable only one of them" }}
{{- end }}
{{- range list (list "serviceMonitor" (or .Values.serviceMonitor.enabled .Values.podMonitor.enabled)) (list "scrapeConfig" .Values.scrapeConfig.enabled) }}
{{- $scrape := get $.Values (first .) }}
{{- if and (last .) (gt (include "hoop-exporter.milliseconds" $scrape.scrapeTimeout | int64) (include "hoop-exporter.milliseconds" $scrape.interval | int64)) }}
{{- fail (printf "%[1]s.scrapeTimeout is longer than %[1]s.interval, and Prometheus rejects that: lower %[1]s.scrapeTimeout" (first .)) }}
{{- end }}
{{- end }}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") }}
{{- fail "service.nodePort needs service.type NodePort or LoadBalancer" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is missing: set the host names of the exporter" }}
{{- end }}
{{- if include "hoop-exporter.fleet" . }}
{{- if and .Values.config.file .Values.config.existingSecret }}
{{- fail "config.file and config.existingSecret: set only one of them" }}
{{- end }}
{{- if or .Values.demo .Values.hoop.url .Values.hoop.existingSecret .Values.connectionTags }}
{{- fail "config has all gateways and their settings: remove demo, hoop.url, hoop.existingSecret and connectionTags" }}
{{- end }}
{{- else if include "hoop-exporter.database" . }}
{{- fail "state.postgres: exporters that share a database need a configuration file, even for a single gateway: set config.file or config.existingSecret instead of hoop and demo" }}
{{- else if or .Values.scrapeConfig.enabled .Values.config.credentialSecrets }}
{{- fail "scrapeConfig and config.credentialSecrets are for the gateways of a configuration file: set config.file or config.existingSecret" }}
{{- else if not .Values.demo }}
{{- if not .Values.hoop.url }}
{{- fail "hoop.url is missing: set the URL of the gateway, such as https://hoop.example.com/api (or set demo)" }}
{{- end }}
{{- if and (ne .Values.hoop.credential "none") (not .Values.hoop.existingSecret) }}
{{- fail "hoop.existingSecret is missing: set the name of a Secret with the gateway's credential (or set hoop.credential to none, and provide one with extraArgs)" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The flags of both the exporter and the check of its configuration. */}}
{{- define "hoop-exporter.args" -}}
{{- if .Values.demo }}
- --demo
{{- else if include "hoop-exporter.fleet" . }}
- --config.file=/etc/hoop_exporter/config/{{ .Values.config.key }}
{{- else }}
- --hoop.url={{ .Values.hoop.url }}
{{- if eq .Values.hoop.credential "token" }}
- --hoop.token-file=/etc/hoop_exporter/credential/{{ .Values.hoop.secretKey }}
{{- else if eq .Values.hoop.credential "api-key" }}
- --hoop.api-key-file=/etc/hoop_exporter/credential/{{ .Values.hoop.secretKey }}
{{- end }}
{{- end }}
{{- if include "hoop-exporter.database" . }}
- --state.postgres-url-file=/etc/hoop_exporter/postgres/{{ .Values.state.postgres.key }}
- --state.postgres-schema={{ .Values.state.postgres.schema }}
# The URL to which other exporters redirect scrapes of the gateways that this one watches.
- --web.external-url={{ .Values.serviceMonitor.scheme }}://$(POD_IP):10068
{{- end }}
{{- with .Values.connectionTags }}
- --labels.connection-tags={{ join "," . }}
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- --web.config.file=/etc/hoop_exporter/web/{{ .Values.webConfig.key }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.env" -}}
{{- if include "hoop-exporter.database" .root }}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
- name: MEMORY_LIMIT_MIB
  valueFrom:
    resourceFieldRef:
      containerName: {{ .container }}
      resource: limits.memory
      divisor: 1Mi
# 5 % below the memory limit, so that the exporter collects garbage before the kernel would kill it: M for the limit's Mi.
- name: GOMEMLIMIT
  value: $(MEMORY_LIMIT_MIB)000000
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.hasCredential" -}}
{{- if and (not .Values.demo) (not (include "hoop-exporter.fleet" .)) (ne .Values.hoop.credential "none") }}true{{ end }}
{{- end }}

{{- define "hoop-exporter.volumeMounts" -}}
{{- if include "hoop-exporter.fleet" . }}
- name: config
  mountPath: /etc/hoop_exporter/config
  readOnly: true
{{- range $i, $secret := .Values.config.credentialSecrets }}
- name: credentials-{{ $i }}
  mountPath: /etc/hoop_exporter/credentials/{{ $secret }}
  readOnly: true
{{- end }}
{{- end }}
{{- if include "hoop-exporter.database" . }}
- name: postgres
  mountPath: /etc/hoop_exporter/postgres
  readOnly: true
{{- end }}
{{- if include "hoop-exporter.hasCredential" . }}
- name: credential
  mountPath: /etc/hoop_exporter/credential
  readOnly: true
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- name: web
  mountPath: /etc/hoop_exporter/web
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether there is a folder for the state. */}}
{{- define "hoop-exporter.keepsState" -}}
{{- if not (or .Values.demo (include "hoop-exporter.database" .)) }}true{{ end }}
{{- end }}

{{- define "hoop-exporter.makesClaim" -}}
{{- if and (include "hoop-exporter.keepsState" .) .Values.persistence.enabled (not .Values.persistence.existingClaim) }}true{{ end }}
{{- end }}

{{- define "hoop-exporter.stateMount" -}}
{{- if include "hoop-exporter.keepsState" . }}
- name: state
  mountPath: /var/lib/hoop_exporter
{{- end }}
{{- end }}

{{/* The volume of the state, if it is not a claim that the StatefulSet creates. */}}
{{- define "hoop-exporter.stateVolume" -}}
{{- if and (include "hoop-exporter.keepsState" .) (not (include "hoop-exporter.makesClaim" .)) }}
- name: state
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.volumes" -}}
{{- if include "hoop-exporter.fleet" . }}
- name: config
  secret:
    secretName: {{ default (printf "%s-config" (include "hoop-exporter.fullname" .)) .Values.config.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.config.key }}
        path: {{ .Values.config.key }}
{{- range $i, $secret := .Values.config.credentialSecrets }}
- name: credentials-{{ $i }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- if include "hoop-exporter.database" . }}
- name: postgres
  secret:
    secretName: {{ .Values.state.postgres.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.state.postgres.key }}
        path: {{ .Values.state.postgres.key }}
{{- end }}
{{- if include "hoop-exporter.hasCredential" . }}
- name: credential
  secret:
    secretName: {{ .Values.hoop.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.hoop.secretKey }}
        path: {{ .Values.hoop.secretKey }}
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- name: web
  secret:
    secretName: {{ .Values.webConfig.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hoop-exporter.probe" -}}
{{- if .root.Values.webConfig.existingSecret }}
tcpSocket:
  port: metrics
{{- else }}
httpGet:
  path: {{ .path }}
  port: metrics
{{- end }}
{{- end }}

{{/* Where a pod may run, and with which account. */}}
{{- define "hoop-exporter.podSettings" -}}
serviceAccountName: {{ include "hoop-exporter.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The port of a URL. A URL without a scheme is a proxy's, and means http. */}}
{{- define "hoop-exporter.urlPort" -}}
{{- $url := urlParse (ternary . (printf "http://%s" .) (contains "://" .)) }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (get (dict "https" "443" "socks5" "1080") $url.scheme) | default "80" }}
{{- end }}
