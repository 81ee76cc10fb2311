import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { installCommand } from "./install-command.ts";

const token = "rmt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

test("the token is exported, and no program is started with it", () => {
  const line = installCommand({ origin: "https://backup.example.net", token, certSha256: null });
  expect(line).toBe(
    `export RM_TOKEN=${token}; curl -fsSL https://backup.example.net/install.sh | sudo --preserve-env=RM_TOKEN sh -s -- --server https://backup.example.net`,
  );
  const [exported, ...programs] = line.split("; ");
  expect(exported).toContain(token);
  expect(programs.join("; ")).not.toContain(token);
});

test("a pinned certificate travels beside the token", () => {
  const line = installCommand({ origin: "https://10.0.0.5:8443", token, certSha256: "ab".repeat(32) });
  expect(line).toContain(`RM_CERT_SHA256=${"ab".repeat(32)};`);
  expect(line).toContain("--preserve-env=RM_TOKEN,RM_CERT_SHA256 ");
});

test("plain HTTP is allowed by name, and only away from loopback", () => {
  const line = (origin: string) => installCommand({ origin, token, certSha256: null });
  expect(line("http://lab.example:8080")).toMatch(/ --allow-plain-ws$/);
  expect(line("http://127.0.0.1.example:8080")).toMatch(/ --allow-plain-ws$/);
  for (const origin of ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "https://lab.example"])
    expect(line(origin)).not.toContain("--allow-plain-ws");
});

test("a forged host name stays one word of the shell", () => {
  const origin = "https://x'; touch pwned; '$(id)";
  const words = execFileSync("sh", [
    "-c",
    installCommand({ origin, token, certSha256: null }).replace(/^.*?--server/, `printf '%s\\n' --server`),
  ]);
  expect(words.toString()).toBe(`--server\n${origin}\n`);
});
