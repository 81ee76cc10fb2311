import unhomoglyph from "unhomoglyph";

/**
 * What a host name looks like: names that people may take for one another have one look. Compatibility forms, case,
 * invisible characters, accents and letters that the Unicode list of confusables holds alike (UTS #39 section 4) are
 * evened out, trailing dots and spaces around it left away. To be compared, never shown.
 */
export function lookOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}\p{Cc}]/gu, "")
    .toLowerCase();
  // The list turns some digits into capitals (0 into O), hence lower case again.
  return unhomoglyph(plain)
    .toLowerCase()
    .trim()
    .replace(/[.\s]+$/, "");
}

/** Those of `others` whose name looks like `name`, in their order. */
export function findTwins<T extends { name: string }>(name: string, others: readonly T[]): T[] {
  const look = lookOf(name);
  return others.filter((other) => lookOf(other.name) === look);
}
