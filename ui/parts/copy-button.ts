import { useState } from "preact/hooks";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const COPIED_MS = 1500;

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard outside a secure context (a lab over plain HTTP).
    return false;
  }
}

/** Copies a text; "Copied" for 1.5 s, or how to copy by hand where the browser has no clipboard. */
export function CopyButton(props: { text: string; label: string; kind?: string }) {
  const [said, setSaid] = useState("Copy");
  async function copy(): Promise<void> {
    setSaid((await copyText(props.text)) ? "Copied" : "Select and press Ctrl C");
    window.setTimeout(() => setSaid("Copy"), COPIED_MS);
  }
  return html`<button
    type="button"
    class=${`btn sm ${props.kind ?? ""}`}
    aria-label=${props.label}
    onClick=${() => void copy()}
  >
    ${icon("copy", "i-sm")}<span aria-live="polite">${said}</span>
  </button>`;
}
