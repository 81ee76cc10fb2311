/** The one list of response headers, for both runtimes: answers of the application, and static files of the console. */

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const EVERYWHERE = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-frame-options": "DENY",
} as const;

/** Answers of the application: data, never a document that may load something. */
export const API_HEADERS: Readonly<Record<string, string>> = {
  ...EVERYWHERE,
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "cache-control": "no-store",
};

/** The console's files. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = { ...EVERYWHERE, "content-security-policy": POLICY };

/** A file whose name carries a hash of its content, as esbuild writes it: app-5QZ7K3XB.js */
export const HASHED_NAME = /[-.][A-Z0-9]{8}\.[a-z0-9]+$/;
export const IMMUTABLE = "public, max-age=31536000, immutable";
export const REVALIDATE = "no-cache";
