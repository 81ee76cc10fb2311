/** What one build of the packages is made from; the same release makes the same bytes. */
export interface Release {
  /** Semantic version, as package.json has it. */
  version: string;
  /** Every date inside the packages, in seconds since 1970 UTC: SOURCE_DATE_EPOCH, or the commit's time. */
  epochSeconds: number;
}

/** `1.2.0-rc.1` as dpkg orders it: `1.2.0~rc.1` is older than `1.2.0`. */
export function debianVersion(version: string): string {
  return version.replace("-", "~");
}
