{{- define "speakerline.labels" -}}
app.kubernetes.io/name: speakerline
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "speakerline.allLabels" -}}
{{ include "speakerline.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "speakerline.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "speakerline.image" -}}
{{ .root.Values.image.registry }}/{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "speakerline.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "speakerline.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  {{- if .root.Values.redis.tlsSecret }}
  - { name: redis-tls, mountPath: /tls, readOnly: true }
  {{- end }}
  {{- if and (eq .component "gateway") .root.Values.gateway.keys.secret }}
  - { name: keys, mountPath: /etc/speakerline, readOnly: true }
  {{- end }}
{{- end }}

{{- define "speakerline.archiveUrl" -}}
{{- if .Values.archive.enabled }}
- name: SPEAKERLINE_ARCHIVE_URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.archive.url.secret }}, key: {{ .Values.archive.url.key }} }
{{- end }}
{{- end }}

{{- define "speakerline.options" -}}
{{- range $name, $value := .options }}
- name: SPEAKERLINE_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
