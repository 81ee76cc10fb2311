import { useEffect } from "preact/hooks";
import { BusyButton } from "../parts/button.ts";
import { Door } from "../parts/door.ts";
import { html } from "../parts/html.ts";
import { notice } from "../parts/notice.ts";
import { useTitle } from "../parts/title.ts";
import { loadSession } from "../state/session.ts";

const RETRY_MS = 5000;

/** The server gave no answer before anything could be shown. */
export function UnreachablePage() {
  useTitle("No answer");
  useEffect(() => {
    const timer = window.setInterval(() => void loadSession(), RETRY_MS);
    return () => window.clearInterval(timer);
  }, []);
  return html`<${Door} title="The server does not answer" line=${location.host}>
    <section class="card pad-5 stack">
      ${notice("warn", "Backups go on without it: each host runs its own. This page tries again every 5 s.", "status")}
      <${BusyButton} icon="refresh" kind="block" onPress=${loadSession}>Try now<//>
    </section>
  <//>`;
}
