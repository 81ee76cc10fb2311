import { Dialog } from "./dialog.ts";
import { html } from "./html.ts";

const KEYS = [
  [["/"], "Filter"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row"],
  [["a"], "Add host"],
  [["t"], "Switch theme"],
  [["g", "f"], "Fleet"],
  [["g", "j"], "Jobs"],
  [["g", "u"], "Audit"],
  [["End"], "Follow the log"],
  [["?"], "This list"],
] as const;

export function KeyList({ onClose }: { onClose: () => void }) {
  return html`<${Dialog}
    title="Keys"
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onClose}>Close</button>`}
  >
    <dl class="kv left">
      ${KEYS.map(
        ([keys, what]) =>
          html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt>
            <dd>${what}</dd>`,
      )}
    </dl>
  <//>`;
}
