import { Dialog } from "./dialog.ts";
import { html } from "./html.ts";

/** Asks before unsaved changes are lost. */
export function LeaveDialog({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  return html`<${Dialog}
    title="Leave without saving?"
    onClose=${onStay}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onStay}>Keep editing</button>
      <button type="button" class="btn danger-solid" onClick=${onLeave}>Discard changes</button>`}
  >
    <p class="fs13 dim">What you changed here is not saved yet.</p>
  <//>`;
}
