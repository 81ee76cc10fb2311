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

/**
 * Finds among `others` those whose name looks like a name, in their order. Each of them is looked at once, however many
 * names are asked for.
 */
export function twinFinder<T extends { name: string }>(others: readonly T[]): (name: string) => readonly T[] {
  const byLook = new Map<string, T[]>();
  for (const other of others) {
    const look = lookOf(other.name);
    const alike = byLook.get(look);
    if (alike) alike.push(other);
    else byLook.set(look, [other]);
  }
  return (name) => byLook.get(lookOf(name)) ?? [];
}
