import { useEffect, useRef, useState } from "preact/hooks";
import type { VNode } from "preact";
import { visibleRange } from "./visible-range.ts";
import { html } from "./html.ts";

const ALL_UP_TO = 100;

/**
 * Table rows of one height, of which only those near the window are in the document once there are more than 100.
 * Rows beyond are two empty ones of the right height, so the scroll bar tells the truth.
 */
export function VirtualRows({
  ids,
  columns,
  row,
}: {
  ids: readonly string[];
  columns: number;
  row: (id: string) => VNode | null;
}) {
  const body = useRef<HTMLTableSectionElement>(null);
  const rowHeight = useRef(56);
  const [range, setRange] = useState({ from: 0, to: ALL_UP_TO });
  const virtual = ids.length > ALL_UP_TO;

  useEffect(() => {
    if (!virtual) return;
    let booked = false;
    function measure(): void {
      booked = false;
      if (!body.current) return;
      const height = body.current.querySelector<HTMLElement>("tr[tabindex]")?.offsetHeight ?? 0;
      if (height > 0) rowHeight.current = height;
      const next = visibleRange({
        rows: ids.length,
        rowPx: rowHeight.current,
        topPx: -body.current.getBoundingClientRect().top,
        windowPx: window.innerHeight,
      });
      setRange((old) => (old.from === next.from && old.to === next.to ? old : next));
    }
    function book(): void {
      if (!booked) requestAnimationFrame(measure);
      booked = true;
    }
    book();
    window.addEventListener("scroll", book, { passive: true });
    window.addEventListener("resize", book);
    return () => {
      window.removeEventListener("scroll", book);
      window.removeEventListener("resize", book);
    };
  }, [virtual, ids.length]);

  const from = virtual ? Math.min(range.from, ids.length) : 0;
  const to = virtual ? Math.min(range.to, ids.length) : ids.length;
  const gap = (rows: number) =>
    rows > 0
      ? html`<tr class="gap" aria-hidden="true">
          <td colspan=${columns} style=${{ height: `${rows * rowHeight.current}px` }}></td>
        </tr>`
      : null;
  return html`<tbody ref=${body}>
    ${gap(from)}${ids.slice(from, to).map(row)}${gap(ids.length - to)}
  </tbody>`;
}
