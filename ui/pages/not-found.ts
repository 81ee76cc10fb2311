import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { useTitle } from "../parts/title.ts";

export function NotFoundPage() {
  useTitle("Not found");
  return html`<div class="page page-narrow">
    <section class="card empty">
      ${icon("search")}
      <h1>There is no such page</h1>
      <p class="fs13">The address may be mistyped, or what it showed was removed.</p>
      <a class="btn" href="/">Go to the fleet</a>
    </section>
  </div>`;
}
