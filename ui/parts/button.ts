import { useState } from "preact/hooks";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/**
 * A button whose work takes a while: while the promise runs, a spinner stands in for the icon, the label and the width
 * stay, and a second press does nothing.
 */
export function BusyButton(props: {
  kind?: string;
  icon?: string;
  type?: "submit" | "button";
  /** Id of the form it submits, where it stands outside of it. */
  form?: string;
  label?: string | undefined;
  /** Why it cannot be pressed; absent = it can. */
  because?: string | undefined;
  busy?: boolean;
  onPress?: () => Promise<unknown>;
  children: Children;
}) {
  const [working, setWorking] = useState(false);
  const busy = working || props.busy === true;
  async function press(): Promise<void> {
    if (busy || props.because !== undefined || !props.onPress) return;
    setWorking(true);
    try {
      await props.onPress();
    } finally {
      setWorking(false);
    }
  }
  return html`<button
    type=${props.type ?? "button"}
    form=${props.form}
    class=${`btn ${props.kind ?? ""}`}
    aria-label=${props.label}
    aria-busy=${busy}
    disabled=${props.because !== undefined}
    title=${props.because}
    onClick=${() => void press()}
  >
    ${busy ? icon("run", "i-sm spin") : props.icon ? icon(props.icon, "i-sm") : null}${props.children}
  </button>`;
}
