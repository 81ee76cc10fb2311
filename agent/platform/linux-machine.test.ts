import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { linuxMachineFacts } from "./linux-machine.ts";

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach(removeFolder));

const PCI = "sys/devices/pci0000:00/0000:00:03.0/net/";
const USB = "sys/devices/pci0000:00/usb1/1-1/net/";
const VIRTUAL = "sys/devices/virtual/net/";

/** A root with what a machine tells of itself; `cards` are network devices by their place below /sys. */
function machine(files: Record<string, string>, cards: Record<string, string>): string {
  const root = temporaryFolder("machine");
  folders.push(root);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  mkdirSync(join(root, "sys/class/net"), { recursive: true });
  for (const [place, address] of Object.entries(cards)) {
    write(`${place}/address`, `${address}\n`);
    if (!place.startsWith(VIRTUAL)) mkdirSync(join(root, place, "device"));
    symlinkSync(join(root, place), join(root, "sys/class/net", place.split("/").at(-1)!));
  }
  return root;
}

const disk = { "etc/machine-id": "0123456789abcdef\n", "etc/os-release": 'NAME="x"\nPRETTY_NAME="Debian 13"\n' };
const uuid = (text: string) => ({ ...disk, "sys/class/dmi/id/product_uuid": text });

test("a copied disk on another machine tells the same machine-id and another hardware and network", () => {
  const original = linuxMachineFacts(machine(uuid("u-1\n"), { [`${PCI}enp3s0`]: "52:54:00:00:00:01" }));
  const copy = linuxMachineFacts(machine(uuid("u-2\n"), { [`${PCI}enp3s0`]: "52:54:00:00:00:02" }));
  expect(copy["machineId"]).toBe(original["machineId"]);
  expect(copy["hardware"]).not.toBe(original["hardware"]);
  expect(copy["network"]).not.toBe(original["network"]);
  expect(original["distribution"]).toBe("Debian 13");
});

test("bridges, a card on USB and one that hides its address change nothing", () => {
  const own = { [`${PCI}enp3s0`]: "52:54:00:00:00:01" };
  const plain = linuxMachineFacts(machine(uuid("u-1"), own));
  const root = machine(uuid("u-1"), {
    ...own,
    [`${USB}enx1`]: "52:54:00:00:00:09",
    [`${VIRTUAL}docker0`]: "02:42:00:00:00:01",
    [`${PCI}wlp1s0`]: "aa:54:00:00:00:09",
  });
  mkdirSync(join(root, `${PCI}wlp1s0/phy80211`));
  expect(linuxMachineFacts(root)).toEqual(plain);
});

test("a container tells the card its runtime made, a machine without any tells none", () => {
  const root = machine(disk, { [`${VIRTUAL}eth0`]: "02:42:ac:11:00:02", [`${VIRTUAL}lo`]: "00:00:00:00:00:00" });
  const facts = linuxMachineFacts(root);
  expect(facts["network"]).toMatch(/^[0-9a-f]{64}$/);
  expect(facts["hardware"]).toBeUndefined();
  rmSync(join(root, "sys/class/net/eth0"));
  expect(linuxMachineFacts(root)["network"]).toBeUndefined();
});

test("no serial number leaves in clear", () => {
  const root = machine(uuid("4c4c4544-0042"), { [`${PCI}eth0`]: "52:54:00:12:34:56" });
  const told = JSON.stringify(linuxMachineFacts(root));
  for (const secret of ["4c4c4544", "52:54", "0123456789abcdef"]) expect(told).not.toContain(secret);
});
