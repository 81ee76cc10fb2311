/**
 * Where to go after sign-in: `wanted` when it is a path of this console, else the fleet. Anything a browser could read
 * as another site (`//evil`, `/\evil`, `https:…`) is not.
 */
export function returnPath(wanted: string | undefined): string {
  if (wanted === undefined || !/^\/(?![/\\])/.test(wanted)) return "/";
  // oxlint-disable-next-line no-control-regex -- browsers drop tabs and newlines from addresses, which would hide a "//"
  if (/[\u0000-\u0020\\]/.test(wanted)) return "/";
  return /^\/(login|setup)\b/.test(wanted) ? "/" : wanted;
}
