import { describe, expect, test } from "vitest";
import { parseComplaint } from "./complaints.ts";
import { classify } from "./failures.ts";

/** What `classify` gets of stderr, as a session collects it. */
function wordsOf(stderr: string): string[] {
  const complaints = stderr.split("\n").flatMap((line) => parseComplaint(line) ?? []);
  const exit = complaints.findLast((complaint) => complaint.kind === "exit");
  return exit?.lines ?? complaints.flatMap((complaint) => (complaint.kind === "text" ? [complaint.text] : []));
}

// Recorded from Debian's restic 0.14.0, 0.18.0 and 0.19.1.
const recordings: [what: string, exit: number, stderr: string, code: string, line: string][] = [
  [
    "0.14: no repository, local",
    1,
    "Fatal: unable to open config file: stat /srv/repo/config: no such file or directory\nIs there a repository at the following location?\n/srv/repo\n",
    "repository.missing",
    "Fatal: unable to open config file: stat /srv/repo/config: no such file or directory",
  ],
  [
    "0.14: no repository, rest-server",
    1,
    "Fatal: unable to open config file: <config/> does not exist\nIs there a repository at the following location?\nrest:http://alice:***@127.0.0.1:8000/web/\n",
    "repository.missing",
    "Fatal: unable to open config file: <config/> does not exist",
  ],
  [
    "0.18: no repository",
    10,
    String.raw`{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist: unable to open config file: stat /srv/repo/config: no such file or directory\nIs there a repository at the following location?\n/srv/repo"}`,
    "repository.missing",
    "Fatal: repository does not exist: unable to open config file: stat /srv/repo/config: no such file or directory",
  ],
  [
    "0.14: wrong password",
    1,
    "Fatal: wrong password or no key found\n",
    "repository.wrong_password",
    "Fatal: wrong password or no key found",
  ],
  [
    "0.18: wrong password",
    12,
    '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}',
    "repository.wrong_password",
    "Fatal: wrong password or no key found",
  ],
  [
    "0.14: locked",
    1,
    "unable to create lock in backend: repository is already locked exclusively by PID 11587 on host-a by root (UID 0, GID 0)\nlock was created at 2026-11-23 12:52:16 (1.752072211s ago)\nstorage ID 6394e062\nthe `unlock` command can be used to remove stale locks\n",
    "repository.locked",
    "unable to create lock in backend: repository is already locked exclusively by PID 11587 on host-a by root (UID 0, GID 0)",
  ],
  [
    "0.19: locked",
    11,
    String.raw`{"message_type":"exit_error","code":11,"message":"unable to create lock in backend: repository is already locked exclusively by PID 9915 on host-a by root (UID 0, GID 0)\nlock was created at 2026-11-23 12:50:51 (1.183537131s ago)\nstorage ID 2cfe302a"}`,
    "repository.locked",
    "unable to create lock in backend: repository is already locked exclusively by PID 9915 on host-a by root (UID 0, GID 0)",
  ],
  [
    "0.14: the rest-server refuses the login, though it also asks whether there is a repository",
    1,
    "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized\nIs there a repository at the following location?\nrest:http://127.0.0.1:8000/web/\n",
    "repository.access_denied",
    "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized",
  ],
  [
    "0.14: connection refused, likewise",
    1,
    'Fatal: unable to open config file: client.Head: Head "http://127.0.0.1:9/repo/config": dial tcp 127.0.0.1:9: connect: connection refused\nIs there a repository at the following location?\nrest:http://127.0.0.1:9/repo/\n',
    "repository.unreachable",
    'Fatal: unable to open config file: client.Head: Head "http://127.0.0.1:9/repo/config": dial tcp 127.0.0.1:9: connect: connection refused',
  ],
  [
    "0.19: init where the server is not there",
    1,
    String.raw`{"message_type":"exit_error","code":1,"message":"Fatal: Fatal: create repository at rest:http://127.0.0.1:9/repo/ failed: Post \"http://:***@127.0.0.1:9/repo/?create=true\": dial tcp 127.0.0.1:9: connect: connection refused"}`,
    "repository.unreachable",
    'Fatal: create repository at rest:http://127.0.0.1:9/repo/ failed: Post "http://:***@127.0.0.1:9/repo/?create=true": dial tcp 127.0.0.1:9: connect: connection refused',
  ],
  [
    "0.18: init where a repository is",
    1,
    String.raw`{"message_type":"exit_error","code":1,"message":"Fatal: create repository at /srv/repo failed: Fatal: unable to open repository at /srv/repo: config file already exists\n"}`,
    "repository.exists",
    "Fatal: create repository at /srv/repo failed: Fatal: unable to open repository at /srv/repo: config file already exists",
  ],
  [
    "0.18: full disk",
    1,
    String.raw`Save(<data/54a2446e4c>) failed: write /srv/full/repo/data/54/54a2-tmp-2261780127: no space left on device
{"message_type":"exit_error","code":1,"message":"Fatal: unable to save snapshot: write /srv/full/repo/data/54/54a2-tmp-2261780127: no space left on device"}`,
    "repository.disk_full",
    "Fatal: unable to save snapshot: write /srv/full/repo/data/54/54a2-tmp-2261780127: no space left on device",
  ],
  [
    "0.14: full disk, with a stack trace behind",
    1,
    "write /srv/full/repo/locks/95dc9d-tmp-2006464557: no space left on device\ngithub.com/restic/restic/internal/backend/local.(*Local).Save\n\tgithub.com/restic/restic/internal/backend/local/local.go:170\n",
    "repository.disk_full",
    "write /srv/full/repo/locks/95dc9d-tmp-2006464557: no space left on device",
  ],
  [
    "0.14: no source",
    1,
    "/srv/nowhere does not exist, skipping\nFatal: all target directories/files do not exist\n",
    "backup.source_missing",
    "Fatal: all target directories/files do not exist",
  ],
  [
    "0.19: damaged",
    1,
    String.raw`{"message_type":"exit_error","code":1,"message":"Fatal: repository contains errors"}`,
    "repository.damaged",
    "Fatal: repository contains errors",
  ],
  [
    "0.18: the address is none",
    1,
    String.raw`{"message_type":"exit_error","code":1,"message":"Fatal: parsing repository location failed: invalid backend\nIf the repository is in a local directory, you need to add a \u0060local:\u0060 prefix"}`,
    "repository.address_invalid",
    "Fatal: parsing repository location failed: invalid backend",
  ],
  [
    "0.19: interrupted from outside",
    130,
    '\rsignal interrupt received, cleaning up \n{"message_type":"exit_error","code":130,"message":"Fatal: unable to save snapshot: context canceled"}',
    "job.interrupted",
    "Fatal: unable to save snapshot: context canceled",
  ],
  ["an exit code nobody knows", 77, "odd words\n", "restic.failed", "odd words"],
];

describe("the failure table", () => {
  test.each(recordings)("%s", (_what, exit, stderr, code, line) => {
    const end = classify({ command: "backup", code: exit, signal: null, words: wordsOf(stderr) });
    expect(end?.failure.code).toBe(code);
    expect(end?.line).toBe(line);
    expect(end?.failure.message).toMatch(/\.$/);
  });

  test("exit 0 and 3 are no failures, a signal is an interruption", () => {
    expect(classify({ command: "backup", code: 0, signal: null, words: ["Fatal: x"] })).toBeNull();
    expect(classify({ command: "backup", code: 3, signal: null, words: [] })).toBeNull();
    expect(classify({ command: "forget", code: 3, signal: null, words: [] })?.failure.code).toBe("restic.failed");
    expect(classify({ command: "backup", code: null, signal: "SIGKILL", words: [] })?.failure).toMatchObject({
      code: "job.interrupted",
      detail: "restic was ended by SIGKILL.",
    });
  });
});

describe("what restic complains of", () => {
  test("0.14 has no text for an unreadable file, only an errno", () => {
    expect(
      parseComplaint(
        '{"message_type":"error","error":{"Op":"open","Path":"/srv/secret/locked.txt","Err":13},"during":"archival","item":"/srv/secret/locked.txt"}',
      ),
    ).toEqual({
      kind: "item",
      item: "/srv/secret/locked.txt",
      during: "archival",
      text: "open /srv/secret/locked.txt: permission denied",
    });
    expect(
      parseComplaint('{"message_type":"error","error":{},"during":"scan","item":"/srv/secret/locked-dir"}'),
    ).toMatchObject({ text: "/srv/secret/locked-dir could not be read" });
  });

  test("a path that is skipped counts, the announcement of an interrupt does not, escapes leave", () => {
    expect(parseComplaint("/srv/nowhere does not exist, skipping")).toMatchObject({
      skippedPath: true,
      level: "warning",
    });
    expect(parseComplaint("\u001b[2Ksignal interrupt received, cleaning up")).toEqual({
      kind: "text",
      text: "signal interrupt received, cleaning up",
      level: null,
      skippedPath: false,
    });
    expect(parseComplaint("\r")).toBeNull();
    expect(parseComplaint('{"message_type":"error",')).toMatchObject({ kind: "text" });
  });
});
