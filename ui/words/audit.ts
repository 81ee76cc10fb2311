/** What an audited action is called where a reader would not guess it from its name. */
const WORDS: Readonly<Record<string, string>> = {
  "me.bootstrap": "Made the first admin",
  "session.start": "Signed in",
  "session.end": "Signed out",
  "session.refused": "Failed to sign in",
  "token.create": "Made an API token",
  "token.revoke": "Revoked an API token",
  "host.enroll": "Made an install token",
  "enrollment.create": "Made an install token",
  "enrollment.revoke": "Revoked an install token",
  "agent.enroll": "Enrolled",
  "host.edit": "Changed a host",
  "host.delete": "Removed a host",
  "credential.write": "Changed credentials",
  "job.run": "Asked for a job",
  "job.cancel": "Cancelled a job",
};

/** "Removed a host"; an action without words of its own is shown by its name. */
export function auditWords(action: string): string {
  return WORDS[action] ?? action;
}
