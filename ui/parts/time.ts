import { useComputed } from "@preact/signals";
import { now } from "../state/clock.ts";
import { absoluteText, durationText, relativeText } from "../words/time.ts";
import { html } from "./html.ts";

/** A point in time, relative and kept current, with the absolute local time on hover. */
export function Ago({ at }: { at: number }) {
  const text = useComputed(() => relativeText(at, now.value));
  return html`<time datetime=${new Date(at).toISOString()} title=${absoluteText(at)}>${text}</time>`;
}

/** How long something has been going on. */
export function Since({ at }: { at: number }) {
  const text = useComputed(() => durationText(now.value - at));
  return html`<span>${text}</span>`;
}
