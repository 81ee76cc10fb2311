import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "../../packaging/run-tool.ts";

/** Debian 13's wine 10 runs Node 24; Debian 12's wine 8 does not. Kept between runs; RM_WINE_ROOT names another place. */
const root = process.env["RM_WINE_ROOT"] ?? join(tmpdir(), "restic-manager-wine-trixie");
const HOLD =
  'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mkdir -p "$1/work" && mount --bind "$2" "$1/work" && echo ready && exec sleep infinity';

/** A fresh Windows as wine plays it, with the folder `shared` as Z:\work. It takes root. */
export class Wine {
  readonly #holder: ChildProcess;
  readonly #shared: string;
  readonly #pid: string;

  private constructor(holder: ChildProcess, shared: string, pid: string) {
    this.#holder = holder;
    this.#shared = shared;
    this.#pid = pid;
  }

  static async start(shared: string, mirror: string): Promise<Wine> {
    if (!existsSync(root)) {
      runTool("mmdebstrap", ["--quiet", "--variant=minbase", "--include=wine64,wine", "trixie", `${root}.new`, mirror]);
      renameSync(`${root}.new`, root);
    }
    mkdirSync(shared, { recursive: true });
    const words = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", HOLD, "sh", root, shared];
    const holder = spawn("unshare", words, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once("data", () => resolve());
      holder.once("exit", (code) => reject(new Error(`unshare ended with exit code ${code}`)));
    });
    const pid = execFileSync("pgrep", ["-P", String(holder.pid)], { encoding: "utf8" }).trim();
    const wine = new Wine(holder, shared, pid);
    // Persistent, or wine forgets its services whenever no program runs for some seconds.
    wine.#inside("wineboot -i; wineserver -w; wineserver -p");
    return wine;
  }

  /** Runs a Windows program by its name in Z:\work. Its output goes by a file: Node on wine takes no pipe of Linux. */
  run(...argv: string[]): { code: number | null; output: string } {
    const status = this.#inside('exec wine "$@" >/work/output.txt 2>&1', ...argv);
    const output = readFileSync(join(this.#shared, "output.txt"), "utf8").replaceAll("\r", "");
    return { code: status, output: output.replace(/^error: XDG_RUNTIME_DIR.*\n/, "").trim() };
  }

  #inside(script: string, ...words: string[]): number | null {
    const env = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/root", "WINEDEBUG=-all", "WINEPREFIX=/work/prefix"];
    const shell = ["sh", "-c", `cd /work; ${script}`, "sh", ...words];
    const argv = ["-t", this.#pid, "-m", "-p", "chroot", root, ...env, ...shell];
    return spawnSync("nsenter", argv, { timeout: 120_000, stdio: "ignore" }).status;
  }

  stop(): void {
    this.#holder.kill("SIGKILL");
  }
}
