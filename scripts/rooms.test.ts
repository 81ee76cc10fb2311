import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The rooms of the house and what each may import, kept true by the imports themselves (docs/decisions/0006). */
const root = fileURLToPath(new URL("..", import.meta.url));

const rooms: Record<string, { ours: string[]; packages: string[] }> = {
  protocol: { ours: [], packages: ["valibot"] },
  core: {
    ours: ["protocol"],
    packages: ["croner", "valibot", "unhomoglyph", "@noble/ciphers", "@noble/curves", "@noble/hashes"],
  },
  worker: {
    ours: ["core", "protocol"],
    packages: [
      "hono",
      "drizzle-orm",
      "valibot",
      "argon2id",
      "@noble/hashes",
      "oauth4webapi",
      "nodemailer",
      "cloudflare:",
    ],
  },
  "durable-objects": {
    ours: ["core", "protocol", "worker/store", "worker/bindings.ts"],
    packages: ["cloudflare:", "node:zlib"],
  },
  selfhost: {
    ours: ["worker", "durable-objects", "core", "protocol"],
    packages: ["hono", "@hono/node-server", "drizzle-orm", "better-sqlite3", "ws", "undici", "hash-wasm", "node:"],
  },
  agent: {
    ours: ["core", "protocol"],
    packages: [
      "ws",
      "undici",
      "croner",
      "@noble/ciphers",
      "@noble/curves",
      "@noble/hashes",
      "yaml",
      "valibot",
      "node:",
    ],
  },
  ui: {
    ours: ["protocol", "core/schedule", "core/retention", "core/access", "core/enrollment"],
    packages: ["valibot", "croner", "preact", "htm", "@preact/signals", "preact-iso"],
  },
};

/** Files that only wire rooms together for one runtime may import one room more. */
const wiring: Record<string, string[]> = {
  "worker/index.ts": ["durable-objects"],
  "durable-objects/cloudflare.ts": ["worker"],
};

interface Import {
  file: string;
  /** A path from the root for our own files, else the specifier. */
  target: string;
  ours: boolean;
  /** Only a type: gone at run time. */
  typeOnly: boolean;
}

const imports = Object.keys(rooms).flatMap((room) =>
  sourceFiles(join(root, room))
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap(importsOf),
);

test.for(Object.keys(rooms))("%s imports what its row of the table allows, and nothing else", (room) => {
  const rule = rooms[room]!;
  const strangers = imports
    .filter(({ file }) => file.startsWith(`${room}/`))
    .filter(({ file, target, ours }) =>
      ours
        ? !within(target, [room, ...rule.ours, ...(wiring[file] ?? [])])
        : !rule.packages.some((name) => isOf(target, name)),
    )
    .map(({ file, target }) => `${file} imports ${target}`);
  expect(strangers).toEqual([]);
});

test("entry files are imported by nobody", () => {
  const entries = new Set(["worker/index.ts", "selfhost/main.ts", "agent/main.ts"]);
  expect(imports.filter(({ target }) => entries.has(target))).toEqual([]);
});

test("no application code opens an interactive transaction, which D1 has not", () => {
  const files = ["worker", "durable-objects"].flatMap((room) => sourceFiles(join(root, room)));
  expect(files.filter((file) => /\.transaction\(/.test(read(file)))).toEqual([]);
});

interface LockEntry {
  version?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
}
const lock = (JSON.parse(read("package-lock.json")) as { packages: Record<string, LockEntry> }).packages;

test("the agent needs at most eight packages, transitive ones counted, and none runs a script when installed", () => {
  const found = new Set<string>();
  const follow = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    for (const each of Object.keys(lock[`node_modules/${name}`]?.dependencies ?? {})) follow(each);
  };
  for (const name of reachablePackages("agent/main.ts")) follow(name);
  expect(found.size, [...found].join(", ")).toBeLessThanOrEqual(8);
  expect([...found].filter((name) => lock[`node_modules/${name}`]?.hasInstallScript)).toEqual([]);
});

test("every dependency is pinned to one version, has its reason in docs/dependencies.md, and no address in the lock", () => {
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  const pins = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((key) =>
    Object.entries(manifest[key] ?? {}),
  );
  // a pre-release is one version too: postject has no other
  expect(pins.filter(([, version]) => !/^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/.test(version))).toEqual([]);
  const reasons = read("docs/dependencies.md");
  expect(pins.filter(([name, version]) => !reasons.includes(`| ${name} | ${version} |`)).map(([name]) => name)).toEqual(
    [],
  );
  expect(Object.entries(lock).filter(([, entry]) => entry.resolved)).toEqual([]);
});

/** Packages that come along when `entry` is bundled: types do not. */
function reachablePackages(entry: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const each of importsOf(file)) {
      if (each.typeOnly || each.target.startsWith("node:")) continue;
      if (each.ours) visit(each.target);
      else
        packages.add(
          each.target
            .split("/")
            .slice(0, each.target.startsWith("@") ? 2 : 1)
            .join("/"),
        );
    }
  };
  visit(entry);
  return packages;
}

function importsOf(file: string): Import[] {
  const pattern = /^\s*(?:import|export)\s+(type\s)?(?:[^"'`;]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;
  return [...read(file).matchAll(pattern)].map((match) => {
    const specifier = match[2] ?? match[3] ?? "";
    const ours = specifier.startsWith(".");
    return {
      file,
      ours,
      target: ours ? relative(root, join(root, dirname(file), specifier)) : specifier,
      typeOnly: match[1] !== undefined,
    };
  });
}

function within(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

function isOf(specifier: string, name: string): boolean {
  return name.endsWith(":") ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`);
}

/** Paths from the root. */
function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}
