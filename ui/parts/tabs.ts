import { useEffect, useRef } from "preact/hooks";
import { countText } from "../words/size.ts";
import { html } from "./html.ts";

export interface TabLink {
  id: string;
  href: string;
  word: string;
  count?: number;
}

/** Underlined links to the parts of a page, each with an address of its own; arrow keys move between them. */
export function Tabs({ label, current, tabs }: { label: string; current: string; tabs: readonly TabLink[] }) {
  function move(event: KeyboardEvent): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("a")];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[(at + by + links.length) % links.length]?.focus();
  }
  // On a phone the tabs scroll in their own box: the current one is brought into it.
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    const here = box.current?.querySelector<HTMLElement>("[aria-current]");
    if (box.current && here)
      box.current.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - box.current.clientWidth / 2;
  }, [current]);
  return html`<nav class="tabs" ref=${box} aria-label=${label} onKeyDown=${move}>
    ${tabs.map(
      (tab) =>
        html`<a href=${tab.href} aria-current=${tab.id === current ? "page" : undefined}
          >${tab.word}${tab.count === undefined ? null : html` <b>${countText(tab.count)}</b>`}</a
        >`,
    )}
  </nav>`;
}
