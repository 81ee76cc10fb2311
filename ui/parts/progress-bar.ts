import { useSignalEffect, type Signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Progress } from "../../protocol/wire.ts";
import { html } from "./html.ts";

/** A thin bar beside a number that says the same; one style write per change. */
export function ProgressBar({
  progress,
  large,
  still,
}: {
  progress: Signal<Progress | null>;
  large?: boolean;
  still?: boolean;
}) {
  const fill = useRef<HTMLElement>(null);
  useSignalEffect(() => {
    const share = progress.value?.percent ?? 0;
    if (fill.current) fill.current.style.width = `${share * 100}%`;
  });
  return html`<span class=${`bar ${large ? "lg" : ""} ${still ? "still" : ""}`} aria-hidden="true"
    ><i ref=${fill}></i
  ></span>`;
}
