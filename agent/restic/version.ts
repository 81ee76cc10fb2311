/** `restic version` prints text in every supported version: `restic 0.18.0 compiled with go1.24.4 on linux/amd64`. */
export interface ResticVersion {
  major: number;
  minor: number;
  patch: number;
}

export const versionArgv: readonly string[] = ["version"];

export function parseVersion(stdout: string): ResticVersion | null {
  const match = /^restic (\d+)\.(\d+)\.(\d+)/m.exec(stdout);
  return match ? { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) } : null;
}

export function formatVersion(version: ResticVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}

export function atLeast(version: ResticVersion, major: number, minor: number, patch = 0): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}
