import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeFolder, temporaryFolder } from "./folders.ts";
import { startProcess } from "./process.ts";
import { fetchTool } from "./restic.ts";

export interface RestServer {
  /** http://127.0.0.1:port/ */
  url: string;
  /** A repository address as restic wants it, with the login inside when there is one. */
  address(repository?: string): string;
  /** Where the repositories lie. */
  folder: string;
  stop(): Promise<void>;
}

export interface RestServerOptions {
  version?: "0.13.0" | "newest";
  /** Without one, everybody may in. */
  login?: { username: string; password: string };
  appendOnly?: boolean;
  /** The folder of another one, which stays; logins are each server's own. */
  folder?: string;
}

/** Starts Debian's restic-rest-server on a free loopback port over an empty folder, or over another server's. */
export async function startRestServer(options: RestServerOptions = {}): Promise<RestServer> {
  const own = temporaryFolder("rest-server");
  const folder = options.folder ?? own;
  const args = ["--path", folder, "--listen", "127.0.0.1:0"];
  const login = options.login;
  if (login) {
    const digest = createHash("sha1").update(login.password).digest("base64");
    const logins = join(own, ".htpasswd");
    writeFileSync(logins, `${login.username}:{SHA}${digest}\n`);
    args.push("--htpasswd-file", logins);
  } else {
    args.push("--no-auth");
  }
  if (options.appendOnly) args.push("--append-only");
  const running = startProcess(fetchTool(`rest-server-${options.version ?? "newest"}`), args);
  const [, port] = await running.waitForOutput(/start server on 127\.0\.0\.1:(\d+)/i);
  const user = login ? `${encodeURIComponent(login.username)}:${encodeURIComponent(login.password)}@` : "";
  return {
    url: `http://127.0.0.1:${port}/`,
    address: (repository = "repository") => `rest:http://${user}127.0.0.1:${port}/${repository}/`,
    folder,
    async stop() {
      await running.stop();
      removeFolder(own);
    },
  };
}
