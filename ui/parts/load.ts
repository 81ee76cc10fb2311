import { useEffect, useRef, useState } from "preact/hooks";
import type { Answer, ApiFailure } from "../net/api.ts";
import { BusyButton } from "./button.ts";
import { html, type Children } from "./html.ts";
import { failureNotice } from "./notice.ts";

const SKELETON_AFTER_MS = 150;

/** What a part of a page shows while, when and instead of its data. Old data stays while it is read again. */
export interface Load<T> {
  value: T | null;
  failure: ApiFailure | null;
  /** True once nothing has come for 150 ms. */
  slow: boolean;
  reload(): Promise<void>;
}

/** Loads when the page opens and whenever `key` changes; an answer to an older key is dropped. */
export function useLoad<T>(key: string, load: () => Promise<Answer<T>>): Load<T> {
  const [held, setHeld] = useState<{ key: string; value: T | null; failure: ApiFailure | null }>({
    key,
    value: null,
    failure: null,
  });
  const [slow, setSlow] = useState(false);
  const latest = useRef(0);

  async function reload(): Promise<void> {
    const mine = ++latest.current;
    const answer = await load();
    if (mine !== latest.current) return;
    setHeld((old) => {
      if (answer.ok) return { key, value: answer.value, failure: null };
      // Old data outlasts a lost connection, but not the thing it is about.
      const keep = old.key === key && answer.failure.status !== 404;
      return { key, value: keep ? old.value : null, failure: answer.failure };
    });
  }

  useEffect(() => {
    setSlow(false);
    const timer = window.setTimeout(() => setSlow(true), SKELETON_AFTER_MS);
    void reload();
    return () => {
      window.clearTimeout(timer);
      latest.current += 1;
    };
  }, [key]);

  const current = held.key === key ? held : { value: null, failure: null };
  return {
    value: current.value,
    failure: current.failure,
    slow,
    reload,
  };
}

/** Like `useLoad`, but what an older key gave stays on show until the new one's is here: a list that only grows. */
export function useKeptLoad<T>(key: string, load: () => Promise<Answer<T>>): Load<T> {
  const current = useLoad(key, load);
  const [kept, setKept] = useState(current.value);
  if (current.value && current.value !== kept) setKept(current.value);
  return { ...current, value: current.value ?? kept };
}

/** The data, or its skeleton, or why it is not here with a way to try again. */
export function loaded<T>(load: Load<T>, show: (value: T) => Children, skeleton: Children): Children {
  if (load.value !== null) return show(load.value);
  if (load.failure !== null)
    return failureNotice(load.failure, {
      actions: html`<div><${BusyButton} kind="sm" icon="refresh" onPress=${load.reload}>Retry<//></div>`,
    });
  return load.slow ? skeleton : null;
}

/** Grey lines in the geometry of a list. */
export function skeletonLines(lines: number) {
  return html`<div class="pad stack" aria-hidden="true">
    ${Array.from({ length: lines }, (_, i) => html`<span class=${`skel skel-${i % 3}`}></span>`)}
  </div>`;
}
