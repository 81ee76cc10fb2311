import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { HostDetail } from "../../protocol/api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { admin, askJob, jobEnd, joinHost, makeSource, runtimes, startProduct } from "../support/product.ts";
import { startRestServer } from "../support/rest-server.ts";
import { resticBinary } from "../support/restic.ts";

const canaries = {
  repositoryPassword: "canary-repository-password-7f3a",
  restPassword: "canary-rest-password-91bc",
  newRestPassword: "canary-new-rest-password-2d4e",
};

test.each(runtimes)("secrets given to the product on %s are found nowhere in clear", async (runtime) => {
  const product = await startProduct(runtime);
  const rest = await startRestServer({ login: { username: "host", password: canaries.restPassword } });
  const folder = temporaryFolder("canaries");
  try {
    const api = await product.signIn();
    const agent = await joinHost(api, {
      address: `rest:${rest.url}host/`,
      password: canaries.repositoryPassword,
      env: { RESTIC_REST_USERNAME: "host", RESTIC_REST_PASSWORD: canaries.restPassword },
      paths: [makeSource(folder, 50, 100_000)],
      // 0.14 takes the login inside the address, the hardest case to keep out of argv and logs.
      restic: resticBinary("0.14.0"),
    });
    const token = await api.send<{ secret: string }>("POST", "/api/tokens", { name: "script", role: "viewer" });

    const argv = new Set<string>();
    const watch = setInterval(() => collectArgv(argv), 5);
    const job = await jobEnd(api, (await askJob(api, agent.hostId, { kind: "backup", verbose: true })).id);
    expect(job.state).toBe("succeeded");

    const host = await api.get<HostDetail>(`/api/hosts/${agent.hostId}`);
    await api.send("PUT", `/api/hosts/${agent.hostId}/repo-credentials`, {
      repositoryId: host.repositories[0]!.id,
      env: { RESTIC_REST_USERNAME: "host", RESTIC_REST_PASSWORD: canaries.newRestPassword },
    });
    const refused = await jobEnd(api, (await askJob(api, agent.hostId)).id);
    expect(refused).toMatchObject({ state: "failed", failure: { code: "repository.access_denied" } });
    clearInterval(watch);
    await agent.stop();

    const secrets = [...Object.values(canaries), admin.password, token.secret];
    const places: [string, string][] = [
      ["the server's log", product.log()],
      ["the agent's log", agent.log()],
      ["argv", [...argv].join("\n")],
      ["the job's log", await api.text(`/api/jobs/${job.id}/log`)],
      ["the refused job's log", await api.text(`/api/jobs/${refused.id}/log`)],
      ...(await apiAnswers(api, agent.hostId)),
      ...filesBelow(product.folder),
      ...filesBelow(dirname(agent.stateDir)),
    ];
    expect(argv.size).toBeGreaterThan(10);
    for (const [place, content] of places) {
      for (const secret of secrets) expect(content.includes(secret), `${secret} in ${place}`).toBe(false);
    }
  } finally {
    await rest.stop();
    await product.stop();
    removeFolder(folder);
  }
});

function collectArgv(into: Set<string>): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      into.add(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
    } catch {
      // ended meanwhile
    }
  }
}

async function apiAnswers(api: { text(path: string): Promise<string> }, hostId: string): Promise<[string, string][]> {
  const paths = [
    "/api/me",
    "/api/tokens",
    "/api/hosts",
    `/api/hosts/${hostId}`,
    `/api/hosts/${hostId}/repo-credentials`,
    `/api/hosts/${hostId}/snapshots`,
    "/api/jobs",
    "/api/enrollment-tokens",
    "/api/audit",
  ];
  return Promise.all(paths.map(async (path): Promise<[string, string]> => [path, await api.text(path)]));
}

function filesBelow(folder: string): [string, string][] {
  return (
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile())
      // The file a self-hoster or the test itself wrote the key into is not the product's.
      .filter((path) => !path.endsWith("secret.key") && !path.endsWith("dev.vars"))
      .map((path) => [path, readFileSync(path, "latin1")])
  );
}
