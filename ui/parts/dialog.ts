import { useEffect, useRef } from "preact/hooks";
import { html, type Children } from "./html.ts";

/**
 * A native modal dialog: the browser traps and returns focus, and Escape closes it. It exists only while it is shown;
 * the first element with `autofocus` gets the focus.
 */
export function Dialog(props: { title: string; onClose: () => void; children: Children; actions: Children }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${props.onClose}>
    <div class="pad-5 stack stack-3">
      <h1 id="dialog-title" class="fs16">${props.title}</h1>
      ${props.children}
    </div>
    <div class="dfoot">${props.actions}</div>
  </dialog>`;
}
