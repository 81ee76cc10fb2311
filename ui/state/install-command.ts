/**
 * The install line of a token: shown by the server once, so the tab keeps it until the token is used or gone. Nothing
 * else can bring it back.
 */
const keyOf = (tokenId: string) => `install ${tokenId}`;

export function keepInstallCommand(tokenId: string, command: string): void {
  try {
    sessionStorage.setItem(keyOf(tokenId), command);
  } catch {
    // Storage is off: the memory below lasts as long as the page.
  }
  inMemory.set(tokenId, command);
}

export function installCommand(tokenId: string): string | null {
  try {
    return inMemory.get(tokenId) ?? sessionStorage.getItem(keyOf(tokenId));
  } catch {
    return null;
  }
}

export function forgetInstallCommand(tokenId: string): void {
  inMemory.delete(tokenId);
  try {
    sessionStorage.removeItem(keyOf(tokenId));
  } catch {
    // Storage is off: nothing was kept.
  }
}

const inMemory = new Map<string, string>();
