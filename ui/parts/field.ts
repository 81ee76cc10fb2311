import { useId, useMemo, useState } from "preact/hooks";
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
  /** The element that says the error, where the field is too narrow for it. */
  errorId?: string;
  type?: string;
  autocomplete?: string;
  placeholder?: string;
  mono?: boolean;
  rows?: number;
  focus?: boolean;
  optional?: boolean;
  disabled?: boolean;
  /** Its unit, inside the field's right edge. */
  unit?: string;
  /** Values to choose from; any other may be typed as well. */
  suggestions?: readonly string[];
}) {
  const id = useId();
  const [isOffering, setOffering] = useState(false);
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
    disabled: props.disabled,
    list: props.suggestions ? `${id}-l` : undefined,
    "aria-invalid": props.error !== undefined,
    "aria-describedby": props.errorId ?? `${id}-d`,
    onInput: (event: Event) => props.onInput((event.currentTarget as HTMLInputElement).value),
    onFocus: props.suggestions && (() => setOffering(true)),
    onBlur: props.onBlur,
  };
  // Hundreds of values: made once the field is used, and the same node each time, so that no key compares them.
  const suggestions = useMemo(
    () =>
      props.suggestions &&
      isOffering &&
      html`<datalist id=${`${id}-l`}>
        ${props.suggestions.map((value) => html`<option value=${value}></option>`)}
      </datalist>`,
    [props.suggestions, isOffering],
  );
  const input =
    props.rows === undefined
      ? html`<input type=${props.type ?? "text"} ...${shared} />`
      : html`<textarea rows=${props.rows} ...${shared}></textarea>`;
  return html`<div class="field">
    <label for=${id}>${props.label}${props.optional ? html` <span class="faint">optional</span>` : null}</label>
    ${props.unit === undefined ? input : html`<div class="suffix">${input}<span>${props.unit}</span></div>`}
    ${suggestions}
    ${props.errorId === undefined ? html`<${FieldNote} id=${`${id}-d`} hint=${props.hint} error=${props.error} />` : null}
  </div>`;
}

export function FieldNote({ id, hint, error }: { id: string; hint?: Children; error?: string | undefined }) {
  return html`<span id=${id} class=${error === undefined ? "hint" : "err"}
    >${error === undefined ? hint : html`${icon("bad", "i-sm")}<span class="text-literal">${error}</span>`}</span
  >`;
}

/** A labelled choice of one among few, as a list that opens. */
export function SelectField(props: {
  label: Children;
  value: string;
  options: readonly (readonly [value: string, word: string])[];
  onChange: (value: string) => void;
  hint?: Children;
  error?: string | undefined;
  disabled?: boolean;
}) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${props.label}</label>
    <select
      id=${id}
      disabled=${props.disabled}
      aria-invalid=${props.error !== undefined}
      aria-describedby=${`${id}-d`}
      onChange=${(event: Event) => props.onChange((event.currentTarget as HTMLSelectElement).value)}
    >
      ${props.options.map(([value, word]) => html`<option value=${value} selected=${value === props.value}>${word}</option>`)}
    </select>
    <${FieldNote} id=${`${id}-d`} hint=${props.hint} error=${props.error} />
  </div>`;
}

/** On or off. In a list it acts at once, in a form it waits for Save. */
export function Switch(props: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  /** Read out in place of a visible word. */
  label?: string;
  /** Why it cannot be switched; absent = it can. */
  because?: string | undefined;
  children?: Children;
}) {
  const input = html`<input
    type="checkbox"
    role="switch"
    checked=${props.checked}
    aria-label=${props.label}
    disabled=${props.because !== undefined}
    title=${props.because}
    onChange=${(event: Event) => props.onChange((event.currentTarget as HTMLInputElement).checked)}
  />`;
  return props.children === undefined
    ? input
    : html`<label class="check switch">${input}<span>${props.children}</span></label>`;
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
