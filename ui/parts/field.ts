import { useId } from "preact/hooks";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/** A labelled input with its hint, which an error replaces. */
export function Field(props: {
  label: Children;
  value: string;
  onInput: (value: string) => void;
  onBlur?: () => void;
  hint?: Children;
  error?: string | undefined;
  type?: string;
  autocomplete?: string;
  placeholder?: string;
  mono?: boolean;
  rows?: number;
  focus?: boolean;
  optional?: boolean;
}) {
  const id = useId();
  const shared = {
    id,
    value: props.value,
    class: props.mono ? "mono" : undefined,
    placeholder: props.placeholder,
    autocomplete: props.autocomplete ?? "off",
    autocapitalize: "none",
    spellcheck: false,
    required: props.optional !== true,
    autofocus: props.focus,
    "aria-invalid": props.error !== undefined,
    "aria-describedby": `${id}-d`,
    onInput: (event: Event) => props.onInput((event.currentTarget as HTMLInputElement).value),
    onBlur: props.onBlur,
  };
  return html`<div class="field">
    <label for=${id}>${props.label}${props.optional ? html` <span class="faint">optional</span>` : null}</label>
    ${
      props.rows === undefined
        ? html`<input type=${props.type ?? "text"} ...${shared} />`
        : html`<textarea rows=${props.rows} ...${shared}></textarea>`
    }
    <span id=${`${id}-d`} class=${props.error === undefined ? "hint" : "err"}
      >${props.error === undefined ? props.hint : html`${icon("bad", "i-sm")}<span>${props.error}</span>`}</span
    >
  </div>`;
}

export function Tick(props: { checked: boolean; onChange: (checked: boolean) => void; children: Children }) {
  return html`<label class="check"
    ><input
      type="checkbox"
      checked=${props.checked}
      onChange=${(event: Event) => props.onChange((event.currentTarget as HTMLInputElement).checked)}
    /><span>${props.children}</span></label
  >`;
}
