import { LOG_WINDOW_LINES, type LogLine } from "../state/log-lines.ts";
import { clockText } from "../words/time.ts";

/** How near the end counts as being there, in CSS px: half a line. */
const END_PX = 10;
/** Lines that the browser lays out, skips and drops together (`.chunk` in styles.css has their usual height). */
const CHUNK_LINES = 100;

/**
 * The lines themselves, outside the virtual DOM: a batch is one append, however many lines it holds, full chunks out of
 * sight cost no layout, and the list never holds more than 5,000 lines. Everything shown is a text node.
 */
export interface LogList {
  append(lines: readonly LogLine[]): void;
  replace(lines: readonly LogLine[]): void;
  /** Whether the view is at the end. */
  atEnd(): boolean;
  /** Goes to the end and stays there, also when what is above it turns out taller, until `leaveEnd`. */
  toEnd(): void;
  leaveEnd(): void;
  /** Scrolls to the first line of a level; false when there is none. */
  toFirst(level: "warning" | "error"): boolean;
  /** Scrolls to the next warning or error below the middle of the view, or to the first. */
  toNextWarning(): void;
  close(): void;
}

function element(line: LogLine): HTMLElement {
  const row = document.createElement("div");
  row.className = line.level === null ? "ln" : line.level === "error" ? "ln e" : "ln w";
  if (line.hook) row.classList.add("h");
  const time = row.appendChild(document.createElement("time"));
  if (line.atMs !== null) time.textContent = clockText(line.atMs);
  const source = row.appendChild(document.createElement("span"));
  source.className = "src";
  source.textContent = line.source;
  row.appendChild(document.createElement("span")).textContent = line.text;
  return row;
}

/** `box` scrolls; its one child element `content` holds the lines. */
export function createLogList(box: HTMLElement, content: HTMLElement): LogList {
  let held = 0;
  let sticking = true;

  const scrollToEnd = () => (box.scrollTop = box.scrollHeight);
  // Chunks that come into sight, a narrower window: whoever follows stays at the end.
  const resized = new ResizeObserver(() => {
    if (sticking) scrollToEnd();
  });
  resized.observe(content);
  resized.observe(box);

  function openChunk(): Element {
    const last = content.lastElementChild;
    if (last && last.childElementCount < CHUNK_LINES) return last;
    last?.classList.add("full");
    const chunk = document.createElement("div");
    chunk.className = "chunk";
    return content.appendChild(chunk);
  }

  function append(lines: readonly LogLine[]): void {
    const shown = lines.slice(-LOG_WINDOW_LINES);
    for (let i = 0; i < shown.length;) {
      const chunk = openChunk();
      const room = CHUNK_LINES - chunk.childElementCount;
      const batch = document.createDocumentFragment();
      for (const line of shown.slice(i, i + room)) batch.appendChild(element(line));
      chunk.appendChild(batch);
      i += room;
    }
    held += shown.length;
    if (held > LOG_WINDOW_LINES) dropOldest();
  }

  /** Who reads further up keeps the line in view; the browser's own anchoring loses it when a skipped chunk goes. */
  function dropOldest(): void {
    box.style.setProperty("overflow-anchor", "none");
    const heightPx = sticking ? 0 : box.scrollHeight;
    for (let first = content.firstElementChild; held > LOG_WINDOW_LINES && first; first = content.firstElementChild) {
      held -= first.childElementCount;
      first.remove();
    }
    if (!sticking) box.scrollTop -= heightPx - box.scrollHeight;
    box.style.removeProperty("overflow-anchor");
  }

  function show(row: HTMLElement): void {
    box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
  }

  return {
    append,
    replace(lines) {
      content.replaceChildren();
      held = 0;
      append(lines);
    },
    atEnd: () => box.scrollHeight - box.scrollTop - box.clientHeight < END_PX,
    toEnd() {
      sticking = true;
      scrollToEnd();
    },
    leaveEnd() {
      sticking = false;
    },
    toFirst(level) {
      const row = content.querySelector<HTMLElement>(level === "error" ? ".e" : ".w");
      if (row) show(row);
      return row !== null;
    },
    toNextWarning() {
      const rows = [...content.querySelectorAll<HTMLElement>(".w, .e")];
      const middle = box.getBoundingClientRect().top + box.clientHeight / 3 + END_PX;
      const next = rows.find((row) => row.getBoundingClientRect().top > middle) ?? rows[0];
      if (next) show(next);
    },
    close: () => resized.disconnect(),
  };
}
