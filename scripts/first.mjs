// What `npm run demo`, `npm test`, `npm start` and `npm run check` call first. It runs on whatever Node the machine has
// (plain JavaScript, no package), installs what is missing, and starts `npm run <name>:run`, where the project's own
// Node comes first on the PATH.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [name, ...args] = process.argv.slice(2);
const oldestNode = [22, 19];

/** Debian packages a command needs, by the program that shows they are there. */
const programs = {
  demo: { restic: "restic" },
  test: {
    chromium: "chromium",
    shellcheck: "shellcheck",
    curl: "curl",
    sqlite3: "sqlite3",
    "systemd-analyze": "systemd",
  },
};

function main() {
  if (name === undefined) stop("Name the npm script to start: node scripts/first.mjs test");
  if (!isInstalled()) install();
  checkNode();
  installPrograms(programs[name] ?? {});
  start();
}

/** True when node_modules holds what package-lock.json says: by content, since a copy has other times. */
function isInstalled() {
  const wanted = readJson("package-lock.json")?.packages;
  const found = readJson("node_modules/.package-lock.json")?.packages;
  if (!found) return false;
  if (!runs(join(root, "node_modules/.bin/esbuild"), ["--version"])) return false; // copied from another platform
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === "") return true;
    if (!found[place]) return entry.optional === true;
    return found[place].version === entry.version;
  });
}

function install() {
  say("Installing the packages that package-lock.json names into node_modules (npm ci).");
  const [command, first] = npm();
  const done = spawnSync(command, [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
  });
  if (done.status !== 0) stop("npm ci failed, see above. Nothing was started.");
}

function checkNode() {
  const own = spawnSync(join(root, "node_modules/.bin/node"), ["--version"], { encoding: "utf8" });
  const version = own.status === 0 ? own.stdout.trim() : process.version;
  const [major, minor] = version.slice(1).split(".").map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    stop(`Node ${oldestNode.join(".")} or newer is needed, and this machine has ${version}. Install Node 24.`);
  }
}

/** `wanted` maps a program to its Debian package. */
function installPrograms(wanted) {
  const missing = Object.keys(wanted).filter((program) => !runs("sh", ["-c", `command -v ${program}`]));
  if (missing.length === 0) return;
  const packages = missing.map((program) => wanted[program]);
  if (!runs("sh", ["-c", "command -v apt-get"])) {
    stop(
      `Needed and not installed: ${packages.join(", ")}. There is no apt here: install them yourself, then try again.`,
    );
  }
  const isRoot = process.getuid() === 0;
  if (!isRoot && !runs("sh", ["-c", "command -v sudo"])) {
    stop(
      `Needed and not installed: ${packages.join(", ")}. Install them as root: apt-get install ${packages.join(" ")}`,
    );
  }
  say(`Installing with apt${isRoot ? "" : " (through sudo)"}: ${packages.join(", ")}.`);
  const apt = (...words) => {
    const command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", ...words];
    if (!isRoot) command.unshift("sudo", ...(process.stdin.isTTY ? [] : ["-n"]));
    return spawnSync(command[0], command.slice(1), { stdio: ["inherit", "ignore", "inherit"] }).status === 0;
  };
  const add = () => apt("install", "--no-install-recommends", ...packages);
  if (!(add() || (apt("update") && add()))) stop(`apt could not install ${packages.join(", ")}, see above.`);
}

function start() {
  const [command, first] = npm();
  const child = spawn(command, [...first, "run", "--silent", `${name}:run`, "--", ...args], {
    cwd: root,
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => stop(`npm could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

/** The npm that started this script, else the one on the PATH. */
function npm() {
  const path = process.env["npm_execpath"];
  return path ? [process.execPath, [path]] : ["npm", []];
}

function runs(command, words) {
  return spawnSync(command, words, { stdio: "ignore" }).status === 0;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"));
  } catch {
    return null;
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function stop(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

main();
