/** The proxy for a URL, from HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case; null to go straight. */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | null {
  const read = (name: string) => env[name.toLowerCase()] || env[name] || "";
  const host = bareHost(url.hostname);
  if (isLoopback(host)) return null;
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  const port = url.port || (secure ? "443" : "80");
  if (
    read("NO_PROXY")
      .split(",")
      .some((rule) => excludes(rule.trim().toLowerCase(), host, port))
  )
    return null;
  const proxy = read(secure ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === "") return null;
  return URL.parse(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/** Whether traffic to this host stays on this machine. */
export function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname);
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** A URL's host name without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

function excludes(rule: string, host: string, port: string): boolean {
  if (rule === "*") return true;
  const [, name = "", rulePort] = /^(.*?)(?::(\d+))?$/.exec(rule) ?? [];
  if (name === "" || (rulePort !== undefined && rulePort !== port)) return false;
  const domain = name.replace(/^\*?\./, "");
  return host === domain || host.endsWith(`.${domain}`);
}
