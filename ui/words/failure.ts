import type { FailureCode } from "../../protocol/failure.ts";

export interface FailureWords {
  /** What is wrong, as a sentence. */
  says: string;
  /** What to do next. */
  next: string;
}

/** Failure code → sentence and next step: the only place where the console words a failure. */
const WORDS: Record<FailureCode, FailureWords> = {
  "request.invalid": { says: "The server refused the request.", next: "Fix the marked fields and try again." },
  "request.too_large": { says: "The request is too large.", next: "Send less at once; the limit is 1 MiB." },
  "request.not_json": { says: "The server could not read the request.", next: "Reload the page and try again." },
  "request.not_found": { says: "There is nothing at this address.", next: "Go back to the fleet." },
  "request.method_not_allowed": {
    says: "The server does not do that here.",
    next: "Reload the page: the console may be older than the server.",
  },
  "request.upgrade_required": {
    says: "Only a WebSocket connects at this address.",
    next: "If a proxy stands before the server, let it pass WebSocket upgrades.",
  },
  "request.cross_origin": {
    says: "The request came from another site, so the server refused it.",
    next: "Open the console under the server's own address.",
  },
  "request.misdirected": {
    says: "This address is not the one the server is set up for.",
    next: "Open the console under the server's public address.",
  },
  "request.conflict": {
    says: "Someone else changed this at the same time.",
    next: "Reload and make the change again.",
  },
  "server.internal": {
    says: "The server hit an error.",
    next: "Try again. If it stays, look for the request id in the server log.",
  },
  "server.unavailable": { says: "The server does not answer.", next: "Check the connection; this page keeps trying." },
  "auth.required": { says: "You are signed out.", next: "Sign in again." },
  "auth.invalid_credentials": {
    says: "The user name or password is wrong.",
    next: "Check both and try again.",
  },
  "auth.forbidden": { says: "Your role does not allow this.", next: "Ask an admin." },
  "auth.slow_down": { says: "Too many wrong tries.", next: "Wait, then try again." },
  "auth.insecure_transport": {
    says: "Signing in over plain HTTP is switched off.",
    next: "Put TLS in front of the server.",
  },
  "auth.bootstrap_invalid": {
    says: "The setup token is wrong.",
    next: "Copy it again from the newest start in the server log.",
  },
  "enrollment.token_invalid": {
    says: "The token is wrong, used, or has run out.",
    next: "Make a new one under Add host.",
  },
  "enrollment.proof_invalid": {
    says: "The agent could not prove that it holds its key.",
    next: "Run the install command again.",
  },
  "announce.too_many": {
    says: "Too many hosts ask to be let in.",
    next: "Accept or reject those that wait, or use an install token.",
  },
  "host.not_found": { says: "This host does not exist.", next: "It may have been removed. Go back to the fleet." },
  "host.offline": { says: "The host is offline.", next: "Run it again when the host is back." },
  "host.locked": {
    says: "Two machines claim to be this host, so it is locked.",
    next: "An administrator has to pick the right one on the host's page.",
  },
  "host.lost": {
    says: "The host was silent for 30 days, so the job was given up.",
    next: "Check the host, or remove it.",
  },
  "host.removed": { says: "The host was removed while the job ran.", next: "Add the host again to back it up." },
  "host.no_schedule": {
    says: "The server cannot tell which paths to back up.",
    next: "Switch on a schedule of this host, or choose which one to run.",
  },
  "schedule.not_found": {
    says: "This schedule does not exist.",
    next: "It may have been removed. Go back to the host's schedules.",
  },
  "schedule.invalid": { says: "The schedule cannot be used as it is.", next: "Open it and correct the marked fields." },
  "schedule.changed": {
    says: "Someone else changed this schedule meanwhile.",
    next: "Reload it and make your change again.",
  },
  "schedule.choose": { says: "The host has several schedules.", next: "Say which one to run." },
  "schedule.limit": {
    says: "This host has as many schedules as it can have.",
    next: "Remove one you no longer need, then add this one.",
  },
  "forget.nothing": {
    says: "The rules drop no snapshot, so there is nothing to forget.",
    next: "Change what the schedule keeps, or leave it as it is.",
  },
  "forget.held": {
    says: "The guard holds this plan: it would drop more than is usual.",
    next: "An admin can look at the plan and release it.",
  },
  "forget.plan_changed": {
    says: "The plan is no longer the one that was shown.",
    next: "Look at the new plan, then decide again.",
  },
  "forget.refused": {
    says: "The host refused to forget these snapshots.",
    next: "Read its reason. No snapshot was removed.",
  },
  "hook.not_allowed": {
    says: "The host does not allow this hook.",
    next: "Name a script in the host's hooks.d folder, or allow it in the host's policy file.",
  },
  "hook.unsafe": {
    says: "The hook's script is not safe to run.",
    next: "Let root own it and nobody else write to it, on the host.",
  },
  "hook.failed": {
    says: "The hook failed.",
    next: "Its output is in the log under Hooks. When the pre hook fails, no backup is made.",
  },
  "hook.timeout": {
    says: "The hook ran longer than it may, so it was ended.",
    next: "Give it more time in the schedule, or make it faster.",
  },
  "policy.forbidden": {
    says: "The host's own policy does not allow this.",
    next: "Only root on the host can allow it, with the command above.",
  },
  "policy.unreadable": {
    says: "The agent cannot use its policy file, so it runs nothing.",
    next: "Correct /etc/restic-manager/policy.yaml on the host, then run it again.",
  },
  "protocol.too_old": { says: "The agent is too old for this server.", next: "Run the install command again." },
  "protocol.too_new": { says: "The agent is newer than this server.", next: "Update the server." },
  "protocol.unsupported": { says: "The agent does not know this kind of job.", next: "Update the agent." },
  "job.not_found": { says: "This job does not exist.", next: "Its host may have been removed. Go back to the jobs." },
  "job.conflict": { says: "Another job of this host is in the way.", next: "Wait until it ends, then run it again." },
  "job.already_finished": { says: "The job has already ended.", next: "Nothing is left to cancel." },
  "job.expired": { says: "The host did not take the job within ten minutes.", next: "Run it again." },
  "job.lost": {
    says: "The agent took the job but no longer knows it.",
    next: "Run it again, and check that the agent's state folder is kept.",
  },
  "job.interrupted": {
    says: "The job was cut short: the agent or the host stopped.",
    next: "Run it again; what was uploaded is reused.",
  },
  "job.cancelled": { says: "The job was cancelled.", next: "Run it again when you want." },
  "job.spec_invalid": { says: "The agent refused what it was asked to do.", next: "Check the paths and excludes." },
  "repository.missing": {
    says: "There is no repository at this address.",
    next: "Check the address under Settings, or tick “Create the repository when it is missing”.",
  },
  "repository.exists": { says: "There is already a repository at this address.", next: "Use it, or choose another." },
  "repository.wrong_password": {
    says: "The repository does not open with this password.",
    next: "Set the right password under Settings.",
  },
  "repository.locked": {
    says: "Another process holds a lock on the repository.",
    next: "Wait until it ends. If that process no longer runs, unlock the repository on the host's page.",
  },
  "repository.unreachable": {
    says: "The host cannot reach the repository.",
    next: "Check that the storage is up and that the host's network and the address are right.",
  },
  "repository.access_denied": {
    says: "The storage refused access.",
    next: "Check the keys or the user name under Settings, and the rights on the storage.",
  },
  "repository.disk_full": { says: "The storage is full.", next: "Free some space on the storage, then run it again." },
  "repository.address_invalid": { says: "The repository address is not usable.", next: "Correct it under Settings." },
  "repository.credentials_missing": {
    says: "The agent has no password for the repository.",
    next: "Set it under Settings; it reaches the agent at once.",
  },
  "repository.damaged": {
    says: "The repository is damaged.",
    next: "Do not prune. Keep this repository as it is, and start a new one before you repair it.",
  },
  "repository.append_only": {
    says: "The storage is append-only, so it refused to remove data.",
    next: "Give the repository an admin credential under Repository; forget and prune use it.",
  },
  "restic.not_found": {
    says: "There is no restic on the host.",
    next: "Install it on the host, for example with apt install restic.",
  },
  "restic.too_old": { says: "The host's restic is too old.", next: "Install restic 0.14 or newer on the host." },
  "restic.failed": { says: "restic stopped with an error.", next: "Read its last words and the log below." },
  "restic.no_summary": {
    says: "restic ended without its summary, so nothing proves that a snapshot was made.",
    next: "Read the log, then run it again.",
  },
  "backup.source_missing": {
    says: "None of the paths to back up exists on the host.",
    next: "Correct the paths, or mount what holds them.",
  },
  "agent.vault_unreadable": {
    says: "The agent cannot open its stored credentials.",
    next: "Set the repository password again under Settings.",
  },
  "agent.spool_failed": {
    says: "The agent could not write its log to disk.",
    next: "Free some space on the host.",
  },
};

export function failureWords(code: FailureCode): FailureWords {
  return WORDS[code];
}
