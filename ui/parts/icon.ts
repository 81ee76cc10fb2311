import iconsAddress from "../static/icons.svg";
import { html } from "./html.ts";

/** An icon of the sprite by its name without `i-`; always beside a word, so hidden from assistive technology. */
export function icon(name: string, extra = "") {
  return html`<svg class=${`i ${extra}`} aria-hidden="true"><use href=${`${iconsAddress}#i-${name}`} /></svg>`;
}
