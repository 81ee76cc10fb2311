import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { HASHED_NAME, IMMUTABLE, PAGE_HEADERS, REVALIDATE } from "../worker/headers.ts";

/** The console's files, held in memory: what is not in the map cannot be asked for, however the path is written. */
export interface ConsoleFiles {
  /** The answer to a GET or HEAD, or null when the application should answer. */
  answer(request: FileRequest): FileAnswer | null;
}

export interface FileRequest {
  path: string;
  accept: string;
  acceptEncoding: string;
  ifNoneMatch: string;
}

export interface FileAnswer {
  status: 200 | 304;
  headers: Readonly<Record<string, string>>;
  body: Buffer | null;
}

interface Held {
  body: Buffer;
  gzip: Buffer | null;
  headers: Readonly<Record<string, string>>;
  etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};
/** The application's own addresses: a page is never shown there. */
const APPLICATION = /^\/(api|ws|agent)(\/|$)|^\/(install\.sh|healthz|readyz)$/;

/**
 * Reads `folder` once, when the first file is asked for: a start does not wait for it. Without an index.html there (a
 * server run before the console was built) nothing is served.
 */
export function consoleFilesOf(folder: string): ConsoleFiles {
  let files: ReadonlyMap<string, Held> | null = null;

  function find(request: FileRequest): Held | null {
    const isForApplication = APPLICATION.test(request.path);
    if (isForApplication) return null;
    files ??= filesOf(folder);
    const index = files.get("/index.html") ?? null;
    const file = request.path === "/" ? index : files.get(request.path);
    return file ?? (request.accept.includes("text/html") ? index : null);
  }
  return {
    answer(request) {
      const file = find(request);
      if (!file) return null;
      const gzip = /\bgzip\b/.test(request.acceptEncoding) ? file.gzip : null;
      const etag = gzip ? `${file.etag.slice(0, -1)}-gz"` : file.etag;
      const headers = { ...file.headers, etag, vary: "accept-encoding" };
      if (request.ifNoneMatch.split(/,\s*/).includes(etag)) return { status: 304, headers, body: null };
      const body = gzip ?? file.body;
      return {
        status: 200,
        headers: {
          ...headers,
          ...(gzip ? { "content-encoding": "gzip" } : {}),
          "content-length": String(body.length),
        },
        body,
      };
    },
  };
}

function filesOf(folder: string): Map<string, Held> {
  const files = new Map<string, Held>();
  for (const path of existsSync(folder) ? filesUnder(folder) : []) {
    if (extname(path) === ".gz") continue;
    const name = `/${relative(folder, path).replaceAll("\\", "/")}`;
    const body = readFileSync(path);
    files.set(name, {
      body,
      gzip: existsSync(`${path}.gz`) ? readFileSync(`${path}.gz`) : null,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      headers: {
        ...PAGE_HEADERS,
        "content-type": TYPES[extname(path)] ?? "application/octet-stream",
        "cache-control": HASHED_NAME.test(name) ? IMMUTABLE : REVALIDATE,
      },
    });
  }
  return files;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
  });
}
