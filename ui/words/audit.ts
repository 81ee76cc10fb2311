/** What an audited action is called where its name alone would be jargon. */
const WORDS: Readonly<Record<string, string>> = {
  "setup.complete": "Set up the server",
  "session.start": "Signed in",
  "session.end": "Signed out",
  "token.create": "Made an API token",
  "token.revoke": "Revoked an API token",
  "enrollment.create": "Made an install token",
  "enrollment.revoke": "Revoked an install token",
  "host.enroll": "Joined the fleet",
  "host.accept": "Accepted a host that announced itself",
  "host.reject": "Rejected a host that announced itself",
  "host.edit": "Changed a host",
  "host.delete": "Removed a host",
  "host.lock": "Locked a host",
  "host.unlock": "Unlocked a host",
  "host.choose_machine": "Picked the right machine",
  "schedule.create": "Added a schedule",
  "schedule.edit": "Changed a schedule",
  "schedule.delete": "Removed a schedule",
  "hook.edit": "Changed hooks",
  "credential.write": "Changed credentials",
  "credential.admin": "Set a second credential",
  "credential.admin_delete": "Removed a second credential",
  "job.run": "Asked for a job",
  "job.release": "Released a held forget",
  "job.cancel": "Cancelled a job",
};

/** "Removed a host"; an action without words of its own is shown by its name. */
export function auditWords(action: string): string {
  return WORDS[action] ?? action;
}
