import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.ts";
import { skeletonLines } from "./load.ts";
import { notice } from "./notice.ts";
import { useSlow } from "./slow.ts";

type Part<P> = (props: P) => VNode | null;

/**
 * A part whose script is loaded when it is first shown, and kept. A script that does not come (the server was updated
 * under an open page, or does not answer) is said, with the way out.
 */
export function lazyPart<P>(load: () => Promise<Part<P>>): Part<P> {
  let loaded: Part<P> | null = null;
  return function Lazy(props: P) {
    const [state, setState] = useState<"coming" | "here" | "lost">(loaded === null ? "coming" : "here");
    const slow = useSlow();
    useEffect(() => {
      if (loaded !== null) return;
      let gone = false;
      async function fetchPart(): Promise<void> {
        try {
          loaded = await load();
          if (!gone) setState("here");
        } catch {
          if (!gone) setState("lost");
        }
      }
      void fetchPart();
      return () => {
        gone = true;
      };
    }, []);
    if (loaded !== null) return html`<${loaded} ...${props} />`;
    if (state === "lost")
      return notice(
        "bad",
        html`<b>This part of the console could not be loaded.</b>
          <span>The server does not answer, or was updated since the page was opened. Reload the page.</span>
          <div><button type="button" class="btn sm" onClick=${() => location.reload()}>Reload page</button></div>`,
        "alert",
      );
    return slow ? html`<section class="card">${skeletonLines(7)}</section>` : null;
  };
}
