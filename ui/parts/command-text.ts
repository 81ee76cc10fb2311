import { literal } from "../words/literal.ts";
import { CopyButton } from "./copy-button.ts";
import { html } from "./html.ts";

/** The local command that a host's refusal ends with. */
const COMMAND = /\s*`?(sudo restic-manager-agent policy [^`]*[^`.\s])[`.]*\s*$/;

/** A host's own words; the command they end with, where there is one, can be copied. */
export function commandText(message: string) {
  const found = COMMAND.exec(message);
  if (!found) return html`<span class="text-literal">${literal(message)}</span>`;
  const command = literal(found[1]!);
  return html`<span class="text-literal">${literal(message.slice(0, found.index))}</span>
    <div class="cmd">
      <pre>${command}</pre>
      <${CopyButton} text=${command} label="Copy command" />
    </div>`;
}
