{{- /* What the Deployment's Pods and the test's have in common. */}}

{{- define "task-pipelines.podSettings" -}}
serviceAccountName: {{ include "task-pipelines.serviceAccountName" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
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

{{- define "task-pipelines.containerSettings" -}}
image: {{ include "task-pipelines.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: cache
    mountPath: /var/cache/task-pipelines
  {{- if .Values.config }}
  - name: config
    mountPath: /etc/task-pipelines
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "task-pipelines.volumes" -}}
# Zips of layers: a gigabyte of them, and what is being built: two at a time, each with its packages twice and its zip.
- name: cache
  emptyDir:
    sizeLimit: 3Gi
{{- if .Values.config }}
- name: config
  configMap:
    name: {{ include "task-pipelines.fullname" . }}-config
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "task-pipelines.env" -}}
{{- with .Values.aws.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.aws.endpointUrl }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.aws.permissionsBoundary }}
- name: TASK_PIPELINES_PERMISSIONS_BOUNDARY
  value: {{ . | quote }}
{{- end }}
{{- if .Values.config }}
- name: TASK_PIPELINES_CONFIG
  value: /etc/task-pipelines/config.yaml
{{- end }}
{{- with .Values.clusterName }}
- name: TASK_PIPELINES_CLUSTER_NAME
  value: {{ . | quote }}
{{- end }}
{{- with .Values.watchNamespace }}
- name: TASK_PIPELINES_WATCH_NAMESPACE
  value: {{ . | quote }}
{{- end }}
- name: TASK_PIPELINES_LEASE
  value: {{ include "task-pipelines.fullname" . }}
- name: TASK_PIPELINES_RESYNC_SECONDS
  value: {{ .Values.resyncSeconds | int64 | quote }}
- name: TASK_PIPELINES_SWEEP_SECONDS
  value: {{ .Values.sweepSeconds | int64 | quote }}
- name: TASK_PIPELINES_FULL_READ_SECONDS
  value: {{ .Values.fullReadSeconds | int64 | quote }}
- name: TASK_PIPELINES_PROBES_ADDRESS
  value: "0.0.0.0:{{ .Values.probes.port | int64 }}"
- name: TASK_PIPELINES_METRICS_ADDRESS
  value: "0.0.0.0:{{ .Values.metrics.port | int64 }}"
- name: TASK_PIPELINES_SECRET_RETRY_SECONDS
  value: {{ .Values.secretRetrySeconds | int64 | quote }}
- name: TASK_PIPELINES_CONCURRENCY
  value: {{ .Values.concurrency | int64 | quote }}
- name: TASK_PIPELINES_PACING
  value: {{ .Values.pacing | quote }}
- name: TASK_PIPELINES_CACHE_DIR
  value: /var/cache/task-pipelines
{{- with .Values.layers.packageIndex }}
- name: TASK_PIPELINES_PACKAGE_INDEX
  value: {{ . | quote }}
{{- end }}
{{- with .Values.layers.uv }}
- name: TASK_PIPELINES_UV
  value: {{ . | quote }}
{{- end }}
- name: TASK_PIPELINES_LOG
  value: {{ .Values.log.filter | quote }}
- name: TASK_PIPELINES_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
