{{- define "fairgate.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{/* The labels of all objects. */}}
{{- define "fairgate.labels" -}}
app.kubernetes.io/name: fairgate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The labels that select the pods of a role: (list . "web"). */}}
{{- define "fairgate.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: fairgate
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "fairgate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The security context of a pod that can only run the program. */}}
{{- define "fairgate.pod" -}}
serviceAccountName: {{ include "fairgate.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: tmp
    emptyDir: {}
{{- end }}

{{- define "fairgate.container" -}}
image: {{ include "fairgate.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Settings first, then the Secret, one key of which is only for the migration. */}}
{{- define "fairgate.environment" -}}
envFrom:
  - configMapRef: {name: {{ include "fairgate.name" . }}}
  - secretRef: {name: {{ .Values.existingSecret }}}
env:
  - {name: FAIRGATE_DATA, value: /tmp}
  - {name: OWNER_DATABASE_URL, value: ""}
  {{- if .Values.bundledStores.enabled }}
  - {name: POSTGRES_PASSWORD, value: ""}
  - {name: REDIS_PASSWORD, value: ""}
  {{- end }}
{{- end }}
