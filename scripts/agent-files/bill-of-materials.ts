import type { LockedPackage } from "./lockfile.ts";

/** What goes into the agent's files. */
export interface Materials {
  version: string;
  license: string;
  commit: string;
  timeSeconds: number;
  /** The packages in the bundle, which is the same in every file. */
  packages: readonly LockedPackage[];
  /** Node for each file, as the npm package it comes from. */
  runtimes: readonly (LockedPackage & { file: string })[];
}

/** The bill of materials as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/); no random serial number. */
export function billOfMaterials(materials: Materials): string {
  const { version, license, commit, timeSeconds, packages, runtimes } = materials;
  const product = `restic-manager-agent@${version}`;
  const components = [
    ...packages.map((each) => ({ type: "library", ...component(each) })),
    ...runtimes.map((each) => ({
      type: "platform",
      ...component(each),
      description: `Node.js, in ${each.file}`,
      cpe: `cpe:2.3:a:nodejs:node.js:${each.version}:*:*:*:*:*:*:*`,
    })),
  ];
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(timeSeconds * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": product,
        name: "restic-manager-agent",
        version,
        licenses: [{ expression: license }],
        pedigree: { commits: [{ uid: commit }] },
      },
    },
    components,
    dependencies: [
      { ref: product, dependsOn: components.map((each) => each["bom-ref"]) },
      ...components.map((each) => ({ ref: each["bom-ref"] })),
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component({ name, version, license, integrity }: LockedPackage) {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    "bom-ref": purl,
    name,
    version,
    hashes: [{ alg: "SHA-512", content }],
    licenses: [{ expression: license }],
    purl,
  };
}
