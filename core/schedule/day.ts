/** 24 hours, in ms: a day of UTC, and the length of a day where no zone is meant. */
export const DAY_MS = 24 * 3600_000;
