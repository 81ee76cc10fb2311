import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/** Fleet › (a host ›) here. */
export function Crumbs(props: { host?: { id: string; name: string }; jobs?: boolean; here: Children }) {
  const arrow = icon("right", "i-sm");
  return html`<nav class="crumbs" aria-label="Where you are">
    ${props.jobs ? html`<a href="/jobs">Jobs</a>` : html`<a href="/">Fleet</a>`}${arrow}
    ${props.host ? html`<a class="mono" href=${`/hosts/${props.host.id}`}>${props.host.name}</a>${arrow}` : null}
    <span aria-current="page">${props.here}</span>
  </nav>`;
}
