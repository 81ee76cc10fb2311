import { useEffect, useState } from "preact/hooks";
import { toast } from "../state/toast.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const SHOWN_MS = 6000;

/** One confirmation at a time; it stays while it is pointed at or focused. */
export function Toast() {
  const [held, setHeld] = useState(false);
  const text = toast.value;
  useEffect(() => {
    if (text === null || held) return;
    const timer = window.setTimeout(() => (toast.value = null), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [text, held]);
  return html`<div role="status" class="toasts">
    ${
      text === null
        ? null
        : html`<div
            class="toast"
            tabindex="0"
            onMouseEnter=${() => setHeld(true)}
            onMouseLeave=${() => setHeld(false)}
            onFocus=${() => setHeld(true)}
            onBlur=${() => setHeld(false)}
          >
            ${icon("ok", "t-ok")}<span>${text}</span>
          </div>`
    }
  </div>`;
}
