import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { hostname, release } from "node:os";
import { join } from "node:path";

/**
 * What a server can tell this machine from a copy of its disk by. machine-id and hostname come along with a disk;
 * hardware and network are the machine's own, so they are what counts (core/relay/claimants.ts). Serial numbers leave
 * only as hashes. `root` is / but in tests.
 */
export function linuxMachineFacts(root = "/"): Record<string, string> {
  const distribution = /^PRETTY_NAME="?(.*?)"?$/m.exec(readText(root, "etc/os-release") ?? "")?.[1];
  const told = {
    kernel: release(),
    hostname: hostname(),
    distribution,
    machineId: hashed(readText(root, "etc/machine-id")),
    // The first is readable by root alone; boards without DMI have the second.
    hardware: hashed(
      readText(root, "sys/class/dmi/id/product_uuid") ??
        readText(root, "sys/firmware/devicetree/base/serial-number")?.replaceAll("\0", ""),
    ),
    network: hashed(cardAddresses(root).join()),
  };
  return Object.fromEntries(Object.entries(told).filter((fact): fact is [string, string] => fact[1] !== undefined));
}

/** machine-id(5): confidential, so only a keyed hash of it leaves the host; the same goes for the others. */
function hashed(text: string | null | undefined): string | undefined {
  const value = text?.trim() ?? "";
  return value === "" ? undefined : createHash("sha256").update(`rm-machine-1\n${value}`).digest("hex");
}

/**
 * Addresses of the network cards that are built in and wired: others come and go, or change their address to hide. A
 * container has none and tells its eth0 and the like, which its runtime made for it.
 */
function cardAddresses(root: string): string[] {
  const folder = join(root, "sys/class/net");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const builtIn = names.filter((name) => {
    const card = join(folder, name);
    return (
      existsSync(join(card, "device")) && !existsSync(join(card, "phy80211")) && !realpathSync(card).includes("/usb")
    );
  });
  return (builtIn.length > 0 ? builtIn : names.filter((name) => name.startsWith("eth")))
    .flatMap((name) => readText(folder, join(name, "address"))?.trim() ?? [])
    .filter((address) => /[1-9a-f]/.test(address))
    .toSorted();
}

/** Null when it is not there, or another user's. */
function readText(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), "latin1");
  } catch {
    return null;
  }
}
