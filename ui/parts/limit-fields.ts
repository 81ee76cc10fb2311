import type { Limits } from "../../protocol/schedule.ts";
import { kibOf, limitText } from "../words/mib-rate.ts";
import { Field } from "./field.ts";
import { html } from "./html.ts";

/** Bandwidth for one run, as it is typed: MiB/s, empty for what would hold anyway. */
export interface TypedLimits {
  upload: string;
  download: string;
}
export const NO_LIMITS: TypedLimits = { upload: "", download: "" };

function error(text: string): string | undefined {
  const kib = kibOf(text);
  if (kib === null) return "Enter a number, such as 1.5.";
  return kib !== undefined && kib < 1 ? "Enter at least 0.001, or leave it empty." : undefined;
}

/** The limits in KiB/s; null while one of them is not readable. Empty ones fall back to `own`. */
export function limitsOf(typed: TypedLimits, own: Limits): Limits | null {
  if (error(typed.upload) !== undefined || error(typed.download) !== undefined) return null;
  const uploadKiBs = kibOf(typed.upload) ?? own.uploadKiBs;
  const downloadKiBs = kibOf(typed.download) ?? own.downloadKiBs;
  return {
    ...(uploadKiBs === undefined ? {} : { uploadKiBs }),
    ...(downloadKiBs === undefined ? {} : { downloadKiBs }),
  };
}

/** Two fields for the bandwidth of one run. `own` is what holds when they stay empty. */
export function LimitFields(props: { typed: TypedLimits; own: Limits; onChange: (typed: TypedLimits) => void }) {
  const { typed, own, onChange } = props;
  const hint = (kib: number | undefined) =>
    kib === undefined ? "Empty: no limit." : `Empty: ${limitText(kib)}, as the schedule says.`;
  return html`<div class="cols cols-2">
    <${Field}
      label="Upload limit"
      optional
      unit="MiB/s"
      value=${typed.upload}
      error=${error(typed.upload)}
      hint=${hint(own.uploadKiBs)}
      onInput=${(upload: string) => onChange({ ...typed, upload })}
    />
    <${Field}
      label="Download limit"
      optional
      unit="MiB/s"
      value=${typed.download}
      error=${error(typed.download)}
      hint=${hint(own.downloadKiBs)}
      onInput=${(download: string) => onChange({ ...typed, download })}
    />
  </div>`;
}
