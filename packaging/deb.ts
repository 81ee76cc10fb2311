import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { linux } from "../agent/platform/linux.ts";
import { POLICY_TEXT } from "../agent/policy/policy-text.ts";
import { unitText } from "../agent/platform/systemd-unit.ts";
import { debianVersion, type Release } from "./release.ts";
import { runTool } from "./run-tool.ts";
import { setTimes, stage, type StagedFile } from "./staging.ts";

/** Processors as Debian names them. */
export type DebArch = "amd64" | "arm64";

const NAME = "restic-manager-agent";
const MAINTAINER = "restic-manager maintainers <maintainers@restic-manager.invalid>";
const directories = linux.defaultDirectories;
const UNIT = unitText({ command: [`/usr/bin/${NAME}`], directories, defaults: directories });

/** Makes NAME_VERSION_ARCH.deb in `outFolder` from the agent's executable; answers its path. */
export function buildDeb(agent: string, arch: DebArch, release: Release, outFolder: string): string {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-deb-"));
  try {
    stage(folder, packageFiles(agent, release));
    // Only root reads below the configuration: agent.yaml holds the host's keys.
    chmodSync(join(folder, directories.config), 0o700);
    mkdirSync(join(folder, directories.config, "hooks.d"));
    chmodSync(join(folder, directories.config, "hooks.d"), 0o755);
    writeChangelog(folder, release);
    stage(folder, controlFiles(arch, release, folder));
    chmodSync(folder, 0o755);
    setTimes(folder, release.epochSeconds);
    const out = join(outFolder, `${NAME}_${debianVersion(release.version)}_${arch}.deb`);
    // One thread: with more, zstd cuts its input elsewhere and the bytes differ between machines.
    const how = ["--root-owner-group", "-Zzstd", "-z12", "--threads-max=1", "--build"];
    runTool("dpkg-deb", [...how, folder, out], { env: { SOURCE_DATE_EPOCH: String(release.epochSeconds) } });
    return out;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function packageFiles(agent: string, release: Release): StagedFile[] {
  const docs = `usr/share/doc/${NAME}`;
  return [
    { path: `usr/bin/${NAME}`, content: { copyOf: agent }, mode: 0o755 },
    { path: `usr/lib/systemd/system/${NAME}.service`, content: UNIT },
    { path: `${directories.config.slice(1)}/policy.yaml`, content: POLICY_TEXT },
    { path: `${docs}/copyright`, content: copyright(release) },
    { path: `usr/share/lintian/overrides/${NAME}`, content: read("deb/lintian-overrides") },
  ];
}

function controlFiles(arch: DebArch, release: Release, folder: string): StagedFile[] {
  const installedKib = Number(runTool("du", ["-k", "-s", "--apparent-size", folder]).split("\t")[0]);
  const script = (name: string) => ({ path: `DEBIAN/${name}`, content: read(`deb/${name}`), mode: 0o755 });
  return [
    { path: "DEBIAN/control", content: control(arch, release, installedKib) },
    { path: "DEBIAN/conffiles", content: `${directories.config}/policy.yaml\n` },
    { path: "DEBIAN/md5sums", content: md5sums(folder) },
    ...["postinst", "prerm", "postrm"].map(script),
  ];
}

/** The libraries are those that Node 24 is linked with, by the oldest versions whose symbols it names. */
function control(arch: DebArch, { version }: Release, installedKib: number): string {
  return `Package: ${NAME}
Version: ${debianVersion(version)}
Architecture: ${arch}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKib}
Depends: init-system-helpers (>= 1.54~), libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 8)
Recommends: ca-certificates, restic
Section: admin
Priority: optional
Description: runs restic backups for a restic-manager server
 The agent stays connected to a restic-manager server, runs restic on this
 host by schedules that it keeps itself, and reports what happened. What the
 server may ask of it stands in /etc/restic-manager/policy.yaml, which only
 root changes.
`;
}

function copyright({ epochSeconds }: Release): string {
  const year = new Date(epochSeconds * 1000).getUTCFullYear();
  return `Copyright ${year} the restic-manager authors

${readFileSync(new URL("../LICENSE", import.meta.url), "utf8")}
The executable also holds Node.js, copyright the Node.js contributors, under
the terms in https://github.com/nodejs/node/blob/main/LICENSE, and the
packages that the software bill of materials beside the download lists.
`;
}

function writeChangelog(folder: string, { version, epochSeconds }: Release): void {
  const date = new Date(epochSeconds * 1000).toUTCString().replace("GMT", "+0000");
  const text = `${NAME} (${debianVersion(version)}) stable; urgency=medium

  * What changed stands in CHANGELOG.md of the restic-manager sources.

 -- ${MAINTAINER}  ${date}
`;
  const path = join(folder, `usr/share/doc/${NAME}/changelog.gz`);
  writeFileSync(path, gzipSync(text, { level: 9 }));
  chmodSync(path, 0o644);
}

/** Conffiles have no sum here: dpkg keeps theirs by itself. */
function md5sums(folder: string): string {
  return runTool("sh", ["-c", "find usr -type f | LC_ALL=C sort | xargs md5sum"], { cwd: folder });
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}
