import { readFileSync, writeFileSync } from "node:fs";

/**
 * Completes package-lock.json after `npm install`. A registry that lacks the binaries of other platforms makes npm drop
 * them from the lock, and `npm ci` then refuses the lock. This adds `{ version, os, cpu }` for each one that is named
 * as optional and absent; npm skips it where the platform differs. It also drops download addresses.
 */
interface Entry {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, Entry> };
let added = 0;

for (const [place, entry] of Object.entries(lock.packages)) {
  delete entry.resolved;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const nested = `${place}/node_modules/${name}`;
    const top = `node_modules/${name}`;
    if (lock.packages[nested] ?? lock.packages[top]) continue;
    const { os, cpu, libc } = platformOf(name);
    const dev = entry.dev ? { dev: true } : {};
    lock.packages[top] = { version, cpu, ...dev, ...(libc ? { libc } : {}), optional: true, os };
    added += 1;
  }
}

const [root, ...rest] = Object.entries(lock.packages);
if (root === undefined) throw new Error("package-lock.json is empty");
rest.sort(([a], [b]) => a.localeCompare(b, "en")); // npm's own order
lock.packages = Object.fromEntries([root, ...rest]);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} entries added.`);

/** Platform binaries carry their platform in their name: `@scope/tool-linux-arm64-musl`. */
function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } {
  const parts = name.split(/[-/]/);
  const os = [
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
  ].find((each) => parts.includes(each));
  const cpu = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"].find((each) =>
    parts.includes(each),
  );
  const libc = parts.some((part) => part.startsWith("musl")) ? "musl" : parts.includes("gnu") ? "glibc" : undefined;
  return {
    os: [os ?? (parts.includes("windows") ? "win32" : unknown(name))],
    cpu: [cpu ?? (parts.includes("64") ? "x64" : unknown(name))],
    ...(libc ? { libc: [libc] } : {}),
  };
}

function unknown(name: string): never {
  throw new Error(`${name} does not say its platform: add its entry to package-lock.json by hand`);
}
