import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Release } from "./release.ts";
import { runTool } from "./run-tool.ts";
import { setTimes, stage, type StagedFile } from "./staging.ts";

const ID = "restic-manager-agent";
const SUMMARY = "Runs restic backups for a restic-manager server";

/** Makes ID.VERSION.nupkg for Chocolatey in `outFolder` from the agent's executable for Windows; answers its path. */
export function buildNupkg(agent: string, release: Release, outFolder: string): string {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-nupkg-"));
  try {
    const files = packageFiles(agent, release);
    stage(folder, files);
    setTimes(folder, release.epochSeconds);
    const out = join(outFolder, `${ID}.${release.version}.nupkg`);
    rmSync(out, { force: true });
    // -X leaves out owners and finer times, -D folders; the names come in the order they are listed.
    const names = files.map(({ path }) => `${path}\n`).join("");
    runTool("zip", ["-q", "-X", "-D", "-9", "-@", out], { cwd: folder, stdin: names });
    return out;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function packageFiles(agent: string, { version }: Release): StagedFile[] {
  const script = (name: string) => ({ path: `tools/${name}`, content: windowsText(read(`chocolatey/${name}`)) });
  return [
    { path: "[Content_Types].xml", content: CONTENT_TYPES },
    { path: "_rels/.rels", content: RELATIONSHIPS },
    { path: `${ID}.nuspec`, content: nuspec(version) },
    { path: "tools/LICENSE.txt", content: windowsText(read("../LICENSE")) },
    { path: "tools/VERIFICATION.txt", content: windowsText(verification(agent, version)) },
    ...["chocolateyinstall.ps1", "chocolateybeforemodify.ps1", "chocolateyuninstall.ps1"].map(script),
    { path: "tools/restic-manager-agent.exe", content: { copyOf: agent } },
    // Chocolatey puts no shim on the PATH for this copy; chocolateyinstall.ps1 does for the one that runs.
    { path: "tools/restic-manager-agent.exe.ignore", content: "" },
  ];
}

/** The parts of the Open Packaging Conventions (ECMA-376-2) that a NuGet client looks for. */
const CONTENT_TYPES = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml" />
  <Default Extension="nuspec" ContentType="application/octet" />
  <Default Extension="txt" ContentType="application/octet" />
  <Default Extension="ps1" ContentType="application/octet" />
  <Default Extension="exe" ContentType="application/octet" />
  <Default Extension="ignore" ContentType="application/octet" />
</Types>
`;
const RELATIONSHIPS = `<?xml version="1.0" encoding="utf-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
  <Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/${ID}.nuspec" Id="manifest" />
</Relationships>
`;

function nuspec(version: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd">
  <metadata>
    <id>${ID}</id>
    <version>${version}</version>
    <title>restic-manager agent</title>
    <authors>The restic-manager authors</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <summary>${SUMMARY}</summary>
    <description>${SUMMARY}, as a Windows service. It needs restic on the PATH: choco install restic.</description>
    <tags>restic backup agent admin</tags>
  </metadata>
</package>
`;
}

function verification(agent: string, version: string): string {
  const sha256 = createHash("sha256").update(readFileSync(agent)).digest("hex");
  return `VERIFICATION

tools\\restic-manager-agent.exe is restic-manager-agent-windows-amd64.exe of restic-manager ${version}. The same file
comes from every restic-manager server at /agent/windows-amd64, and from "npm run build:agent" in its sources.

SHA-256: ${sha256}

Compare it with SHA256SUMS of the release:
  Get-FileHash tools\\restic-manager-agent.exe -Algorithm SHA256
`;
}

function windowsText(text: string): string {
  return text.replaceAll("\n", "\r\n");
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}
