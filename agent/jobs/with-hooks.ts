import type { Hook, SealedHooks } from "../../protocol/schedule.ts";
import type { BackupSpec } from "../../protocol/wire.ts";
import { runHook, type HookEnd } from "../hooks/run-hook.ts";
import { clipLine, clipText } from "../restic/clean-text.ts";
import { accessSecrets, makeRedactor } from "../restic/redact.ts";
import { runJob } from "./run.ts";
import { failedVerdict, type JobHost, type SessionJob, type Verdict } from "./session.ts";

/** What ended a job before its verdict, as the reason of its stop signal. */
export type StopReason = "cancelled" | "interrupted";

export interface HookedBackup {
  spec: BackupSpec;
  hooks: SealedHooks;
  hooksFolder: string;
}

/**
 * A backup between its hooks. A pre hook that fails lets no backup begin; the post hook runs whatever came before it.
 * Its own failure makes a good backup one with a warning, and never hides a verdict. Null when the job was stopped
 * before its verdict.
 */
export async function runWithHooks(
  backup: HookedBackup,
  job: SessionJob,
  host: JobHost,
  run: typeof runJob = runJob,
): Promise<Verdict | null> {
  const { pre } = backup.hooks;
  job.record({ type: "phased", atMs: host.nowMs(), phase: "prepare" });
  let verdict: Verdict | null = null;
  try {
    const before: HookEnd = pre ? await oneHook(pre, "pre", backup, job, host, job.stop) : { is: "done" };
    if (before.is === "failed") verdict = failedVerdict(before.failure);
    else if (!job.stop.aborted) verdict = await run(backup.spec, withoutPrepare(job), host);
  } finally {
    const warning = await runPostHook(backup, job, host, verdict?.outcome ?? statusOfStop(job.stop));
    if (warning !== null && verdict?.outcome === "succeeded") {
      const { warnings = 0, lastError = warning } = verdict;
      verdict = { ...verdict, warnings: warnings + 1, lastError };
    }
  }
  return verdict;
}

/** Runs the post hook if there is one; answers what went wrong with it, which stands in the log too. */
export async function runPostHook(
  backup: HookedBackup,
  job: SessionJob,
  host: JobHost,
  jobStatus: "succeeded" | "failed" | "cancelled",
): Promise<string | null> {
  const { post } = backup.hooks;
  if (!post) return null;
  // A job that was stopped before gets its post hook all the same.
  const stop = job.stop.aborted ? new AbortController().signal : job.stop;
  const after = await oneHook(post, "post", backup, job, host, stop, jobStatus);
  switch (after.is) {
    case "done":
      return null;
    case "failed":
      return after.failure.message;
    case "stopped":
      return "The post hook was stopped before its end.";
  }
}

/** A job that ends before its verdict was cancelled; every other end is a failure to what the hook looks after. */
function statusOfStop(stop: AbortSignal): "failed" | "cancelled" {
  return stop.reason === ("cancelled" satisfies StopReason) ? "cancelled" : "failed";
}

async function oneHook(
  hook: Hook,
  moment: "pre" | "post",
  { spec, hooks, hooksFolder }: HookedBackup,
  job: SessionJob,
  host: JobHost,
  stop: AbortSignal,
  jobStatus?: "succeeded" | "failed" | "cancelled",
): Promise<HookEnd> {
  const atMs = () => host.nowMs();
  // A hook has no secret of a repository in its environment, but root may have put one into its script.
  const redact = makeRedactor([...repositorySecrets(job, host), ...host.ownSecrets]);
  const say = (stream: "agent" | "hook", text: string, level?: "warning" | "error") => {
    const line = clipLine(redact(text));
    job.record({ type: "logged", atMs: atMs(), stream, ...(level ? { level } : {}), text: line });
  };
  job.record({ type: "phased", atMs: atMs(), phase: moment === "pre" ? "pre_hook" : "post_hook" });
  const what = hook.kind === "named" ? `hook ${hook.name}` : "hook from the console";
  say("agent", `Running the ${moment === "pre" ? "pre" : "post"} ${what}`);
  const { shell, timeoutMinutes } = hooks;
  const plan = { hook, moment, shell, timeoutMinutes, jobId: job.jobId, scheduleId: spec.scheduleId };
  const end = await runHook(
    jobStatus === undefined ? plan : { ...plan, jobStatus },
    { platform: host.platform, ownEnv: host.ownEnv, hooksFolder, runDirectory: host.runDirectory },
    { onSpawned: (mark) => job.keepChild(mark), onLine: (text, level) => say("hook", text, level) },
    stop,
  );
  if (end.is === "failed") {
    const message = clipText(redact(end.failure.message));
    say("agent", message, moment === "pre" ? "error" : "warning");
    return { is: "failed", failure: { ...end.failure, message } };
  }
  if (end.is === "stopped") say("agent", `The ${moment} hook was stopped`, "warning");
  return end;
}

/** The job has told its preparation: restic's own is part of what the hooks prepared. */
function withoutPrepare(job: SessionJob): SessionJob {
  return {
    ...job,
    record(record) {
      if (record.type !== "phased" || record.phase !== "prepare") job.record(record);
    },
  };
}

function repositorySecrets(job: SessionJob, host: JobHost): string[] {
  const access = host.vault.access(job.repositoryId);
  return access.ok ? accessSecrets(access.value) : [];
}
