{{/* The pod of an exporter, for a StatefulSet and for a Deployment. */}}
{{- define "hoop-exporter.pod" -}}
metadata:
  labels:
    {{- include "hoop-exporter.selectorLabels" . | fromYaml | mergeOverwrite (dict) .Values.commonLabels .Values.podLabels | toYaml | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "hoop-exporter.podSettings" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- else }}
  {{- if include "hoop-exporter.database" . }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "hoop-exporter.selectorLabels" . | nindent 10 }}
  {{- end }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: hoop-exporter
      image: {{ include "hoop-exporter.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --web.listen-address=:10068
        {{- if include "hoop-exporter.keepsState" . }}
        - --state.dir=/var/lib/hoop_exporter
        {{- end }}
        {{- if include "hoop-exporter.fleet" . }}
        - --config.auto-reload-interval={{ .Values.config.autoReloadInterval }}
        {{- end }}
        {{- include "hoop-exporter.args" . | trim | nindent 8 }}
      env:
        {{- include "hoop-exporter.env" (dict "root" . "container" "hoop-exporter") | trim | nindent 8 }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 10068
          protocol: TCP
      livenessProbe:
        {{- with .Values.livenessProbe }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        {{- include "hoop-exporter.probe" (dict "root" . "path" "/-/healthy") | trim | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
        {{- end }}
      readinessProbe:
        {{- with .Values.readinessProbe }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        {{- include "hoop-exporter.probe" (dict "root" . "path" "/-/ready") | trim | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 3
        {{- end }}
      {{- with .Values.startupProbe }}
      startupProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- with printf "%s\n%s" (include "hoop-exporter.stateMount" .) (include "hoop-exporter.volumeMounts" .) | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with printf "%s\n%s" (include "hoop-exporter.stateVolume" .) (include "hoop-exporter.volumes" .) | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
