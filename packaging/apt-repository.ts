import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { runTool } from "./run-tool.ts";

/** How long hosts trust a signature: who replays an old repository can hold updates back no longer than this. */
export const VALID_DAYS = 14;

const ARCHES = ["amd64", "arm64"];
const POOL = "pool/main/r/restic-manager-agent";
const DIST = "dists/stable";
const KEYRING = "restic-manager.gpg";

/**
 * Makes an apt repository (suite stable, component main) of `debs` in `folder`, which is made anew, and signs it.
 * `keyFile` holds an ed25519 secret key without a passphrase, as `gpg --export-secret-keys` writes it.
 */
export function buildAptRepository(debs: readonly string[], folder: string, keyFile: string, nowMs: number): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, POOL), { recursive: true });
  for (const deb of debs) copyFileSync(deb, join(folder, POOL, basename(deb)));
  for (const arch of ARCHES) {
    const binary = join(folder, DIST, "main", `binary-${arch}`);
    mkdirSync(binary, { recursive: true });
    const packages = runTool("apt-ftparchive", ["--arch", arch, "packages", "pool"], { cwd: folder });
    writeFileSync(join(binary, "Packages"), packages);
    writeFileSync(join(binary, "Packages.gz"), gzipSync(packages, { level: 9 }));
  }
  signAptRepository(folder, keyFile, nowMs);
}

/** Signs the repository in `folder` as of `nowMs`, valid for VALID_DAYS; run it again before they are over. */
export function signAptRepository(folder: string, keyFile: string, nowMs: number): void {
  if ((statSync(keyFile).mode & 0o077) !== 0)
    throw new Error(`Others can read the signing key ${keyFile}. Run: chmod 600 ${keyFile}`);
  const home = mkdtempSync(join(tmpdir(), "restic-manager-gpg-"));
  const gpg = (...args: string[]) => runTool("gpg", ["--homedir", home, "--batch", "--quiet", ...args]);
  try {
    chmodSync(home, 0o700);
    gpg("--import", keyFile);
    requireEd25519(gpg("--with-colons", "--list-secret-keys"), keyFile);
    const release = join(home, "Release");
    const inRelease = join(home, "InRelease");
    const keyring = join(home, KEYRING);
    writeFileSync(release, releaseText(folder, nowMs));
    gpg("--digest-algo", "SHA512", "--output", inRelease, "--clearsign", release);
    gpg("--digest-algo", "SHA512", "--armor", "--output", `${release}.gpg`, "--detach-sign", release);
    gpg("--output", keyring, "--export");
    // InRelease last: it is what apt reads, and all it names is there by then.
    put(keyring, join(folder, KEYRING));
    put(`${release}.gpg`, join(folder, DIST, "Release.gpg"));
    put(release, join(folder, DIST, "Release"));
    put(inRelease, join(folder, DIST, "InRelease"));
  } finally {
    runTool("gpgconf", ["--homedir", home, "--kill", "all"]);
    rmSync(home, { recursive: true, force: true });
  }
}

function releaseText(folder: string, nowMs: number): string {
  const settings = {
    Origin: "restic-manager",
    Label: "restic-manager",
    Suite: "stable",
    Codename: "stable",
    Architectures: ARCHES.join(" "),
    Components: "main",
    Description: "The restic-manager agent",
    // The indexes only: what was signed before must not be listed in what is signed now.
    "Default-Patterns": "false",
    "Patterns::": "Packages*",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => [
    "-o",
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  const made = runTool("apt-ftparchive", [...options, "release", DIST], { cwd: folder });
  // apt-ftparchive dates by its own clock.
  const undated = made.replaceAll(/^(?:Date|Valid-Until): .*\n/gm, "");
  return `Date: ${inRfc2822(nowMs)}\nValid-Until: ${inRfc2822(nowMs + VALID_DAYS * 86_400_000)}\n${undated}`;
}

/** One key, of the kind that Debian's and Ubuntu's apt all take and that is small enough to paste. */
function requireEd25519(listing: string, keyFile: string): void {
  const keys = listing.split("\n").filter((line) => line.startsWith("sec:"));
  const fields = keys[0]?.split(":");
  if (keys.length !== 1 || fields?.[16] !== "ed25519")
    throw new Error(`${keyFile} must hold exactly one ed25519 secret key. docs/packages.md says how to make one.`);
}

function inRfc2822(timeMs: number): string {
  return new Date(timeMs).toUTCString().replace("GMT", "+0000");
}

/** By a rename, so that a server never sends half a file. */
function put(from: string, to: string): void {
  writeFileSync(`${to}.new`, readFileSync(from));
  renameSync(`${to}.new`, to);
}
