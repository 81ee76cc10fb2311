import type * as v from "valibot";
import type {
  AuditResource,
  bootstrapBody,
  createdEnrollmentSchema,
  createEnrollmentBody,
  createJobBody,
  EnrollmentTokenResource,
  FleetSummary,
  grantAnswer,
  HooksResource,
  HostDay,
  HostDetail,
  HostHooksResource,
  HostResource,
  JobResource,
  loginBody,
  MeResource,
  Page,
  patchHostBody,
  previewBody,
  putCredentialsBody,
  putHooksBody,
  putHostHooksBody,
  RepositoryResource,
  runScheduleBody,
  ScheduleResource,
  SnapshotResource,
  StatusResource,
} from "../../protocol/api.ts";
import type { RetentionPlan, scheduleEditShape, scheduleShape } from "../../protocol/schedule.ts";
import { call, withQuery } from "./api.ts";

type Body<S extends v.GenericSchema> = v.InferInput<S>;
type Query = Readonly<Record<string, string | undefined>>;
const id = encodeURIComponent;

const schedule = (hostId: string, scheduleId: string) => `/api/hosts/${id(hostId)}/schedules/${id(scheduleId)}`;

export type CreatedEnrollment = v.InferOutput<typeof createdEnrollmentSchema>;

/** The API as the console uses it: one line per call. */
export const api = {
  status: () => call<StatusResource>("GET", "/api/status"),
  bootstrap: (body: Body<typeof bootstrapBody>) => call<MeResource>("POST", "/api/bootstrap", body),
  login: (body: Body<typeof loginBody>) => call<MeResource>("POST", "/api/login", body),
  logout: () => call<undefined>("POST", "/api/logout"),
  me: () => call<MeResource>("GET", "/api/me"),
  grant: () => call<v.InferOutput<typeof grantAnswer>>("POST", "/api/grants"),

  summary: () => call<FleetSummary>("GET", "/api/fleet/summary"),
  hosts: (query: Query) => call<Page<HostResource>>("GET", withQuery("/api/hosts", query)),
  host: (hostId: string) => call<HostDetail>("GET", `/api/hosts/${id(hostId)}`),
  patchHost: (hostId: string, body: Body<typeof patchHostBody>) =>
    call<HostResource>("PATCH", `/api/hosts/${id(hostId)}`, body),
  deleteHost: (hostId: string, confirmName: string) =>
    call<undefined>("DELETE", `/api/hosts/${id(hostId)}`, { confirmName }),
  chooseMachine: (hostId: string, claimant: number) =>
    call<undefined>("POST", `/api/hosts/${id(hostId)}/clone-choice`, { claimant }),
  putCredentials: (hostId: string, body: Body<typeof putCredentialsBody>) =>
    call<RepositoryResource>("PUT", `/api/hosts/${id(hostId)}/repo-credentials`, body),
  deleteAdminCredential: (hostId: string, repositoryId: string) =>
    call<undefined>("DELETE", `/api/hosts/${id(hostId)}/repositories/${id(repositoryId)}/admin-credential`),
  days: (hostId: string, days: number) =>
    call<Page<HostDay>>("GET", withQuery(`/api/hosts/${id(hostId)}/days`, { days: String(days) })),
  snapshots: (hostId: string, query: Query) =>
    call<Page<SnapshotResource>>("GET", withQuery(`/api/hosts/${id(hostId)}/snapshots`, query)),

  createSchedule: (hostId: string, body: Body<typeof scheduleShape>) =>
    call<ScheduleResource>("POST", `/api/hosts/${id(hostId)}/schedules`, body),
  putSchedule: (hostId: string, scheduleId: string, body: Body<typeof scheduleEditShape>) =>
    call<ScheduleResource>("PUT", schedule(hostId, scheduleId), body),
  deleteSchedule: (hostId: string, scheduleId: string, version: number) =>
    call<undefined>("DELETE", withQuery(schedule(hostId, scheduleId), { version: String(version) })),
  runSchedule: (hostId: string, scheduleId: string, body: Body<typeof runScheduleBody>) =>
    call<JobResource>("POST", `${schedule(hostId, scheduleId)}/run`, body),
  previewRetention: (hostId: string, scheduleId: string, body: Body<typeof previewBody>) =>
    call<RetentionPlan>("POST", `${schedule(hostId, scheduleId)}/retention-preview`, body),
  scheduleHooks: (hostId: string, scheduleId: string) =>
    call<HooksResource>("GET", `${schedule(hostId, scheduleId)}/hooks`),
  putScheduleHooks: (hostId: string, scheduleId: string, body: Body<typeof putHooksBody>) =>
    call<HooksResource>("PUT", `${schedule(hostId, scheduleId)}/hooks`, body),
  hostHooks: (hostId: string) => call<HostHooksResource>("GET", `/api/hosts/${id(hostId)}/hooks`),
  putHostHooks: (hostId: string, body: Body<typeof putHostHooksBody>) =>
    call<HostHooksResource>("PUT", `/api/hosts/${id(hostId)}/hooks`, body),

  createEnrollment: (body: Body<typeof createEnrollmentBody>) =>
    call<CreatedEnrollment>("POST", "/api/enrollment-tokens", body),
  enrollment: (tokenId: string) => call<EnrollmentTokenResource>("GET", `/api/enrollment-tokens/${id(tokenId)}`),
  revokeEnrollment: (tokenId: string) => call<undefined>("DELETE", `/api/enrollment-tokens/${id(tokenId)}`),

  runJob: (hostId: string, body: Body<typeof createJobBody>) =>
    call<JobResource>("POST", `/api/hosts/${id(hostId)}/jobs`, body),
  jobs: (query: Query) => call<Page<JobResource>>("GET", withQuery("/api/jobs", query)),
  job: (jobId: string) => call<JobResource>("GET", `/api/jobs/${id(jobId)}`),
  /** Lets a held forget go, when its plan is still the one of this fingerprint. */
  releaseJob: (jobId: string, fingerprint: string) =>
    call<JobResource>("POST", `/api/jobs/${id(jobId)}/release`, { fingerprint }),
  cancelJob: (jobId: string) => call<undefined>("POST", `/api/jobs/${id(jobId)}/cancel`),
  /** Address of the plain text log, for a download link. */
  logAddress: (jobId: string) => `/api/jobs/${id(jobId)}/log`,

  audit: (query: Query) => call<Page<AuditResource>>("GET", withQuery("/api/audit", query)),
};
