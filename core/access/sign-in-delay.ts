/**
 * How failed sign-ins slow down the next one. Per account and address, so that a stranger's failures never hold up the
 * owner who signs in from elsewhere; and, later and shorter, per address, against trying many accounts.
 */
export const SIGN_IN_DELAYS = {
  account: { freeFailures: 3, firstMs: 1_000, maxMs: 15 * 60_000 },
  address: { freeFailures: 20, firstMs: 1_000, maxMs: 60_000 },
} as const;
export type DelayScope = keyof typeof SIGN_IN_DELAYS;

/** Failures are forgotten this long after the last. */
export const SIGN_IN_MEMORY_MS = 24 * 3600_000;

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which is what one customer holds. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]!.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(zeros).fill("0"), ...back];
  return `${groups
    .slice(0, 4)
    .map((g) => g.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
