{{/* How the Prometheus operator finds exporters and scrapes them: what a ServiceMonitor and a PodMonitor share. */}}
{{- define "hoop-exporter.monitor" -}}
selector:
  matchLabels:
    {{- include "hoop-exporter.selectorLabels" . | nindent 4 }}
namespaceSelector:
  matchNames:
    - {{ .Release.Namespace }}
{{- with .Values.serviceMonitor.jobLabel }}
jobLabel: {{ . }}
{{- end }}
{{- with .Values.serviceMonitor.sampleLimit }}
sampleLimit: {{ int64 . }}
{{- end }}
# Protobuf carries native histograms and created timestamps.
scrapeProtocols:
  - PrometheusProto
  - OpenMetricsText1.0.0
  - PrometheusText0.0.4
scrapeNativeHistograms: {{ .Values.serviceMonitor.nativeHistograms }}
scrapeClassicHistograms: {{ .Values.serviceMonitor.classicHistograms }}
{{- end }}

{{/* The endpoint of a ServiceMonitor or PodMonitor. */}}
{{- define "hoop-exporter.endpoint" -}}
port: metrics
interval: {{ .Values.serviceMonitor.interval }}
scrapeTimeout: {{ .Values.serviceMonitor.scrapeTimeout }}
scheme: {{ .Values.serviceMonitor.scheme }}
honorLabels: {{ .Values.serviceMonitor.honorLabels }}
{{- with .Values.serviceMonitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.serviceMonitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
relabelings:
  # The name of a StatefulSet's pod stays the same when the pod is replaced, and its address does not: so counters keep their series.
  - action: replace
    sourceLabels:
      - __meta_kubernetes_pod_name
    targetLabel: instance
  {{- with .Values.serviceMonitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.serviceMonitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
