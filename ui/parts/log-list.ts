import { LOG_WINDOW_LINES, type LogLine } from "../state/log-lines.ts";
import { clockText } from "../words/time.ts";

/** How near the end counts as being there, in CSS px: half a line. */
const END_PX = 10;

/**
 * The lines themselves, outside the virtual DOM: a batch is one append, however many lines it holds, and the list
 * never holds more than 5,000. Everything shown is a text node.
 */
export interface LogList {
  append(lines: readonly LogLine[]): void;
  replace(lines: readonly LogLine[]): void;
  /** Whether the view is at the end, and so goes on following it. */
  atEnd(): boolean;
  toEnd(): void;
  /** Scrolls to the first line of a level; false when there is none. */
  toFirst(level: "warning" | "error"): boolean;
  toNext(level: "warning" | "error"): void;
}

function element(line: LogLine): HTMLElement {
  const row = document.createElement("div");
  if (line.level !== null) row.className = line.level === "error" ? "e" : "w";
  const time = row.appendChild(document.createElement("time"));
  if (line.atMs !== null) time.textContent = clockText(line.atMs);
  const source = row.appendChild(document.createElement("span"));
  source.className = "src";
  source.textContent = line.source;
  row.appendChild(document.createElement("span")).textContent = line.text;
  return row;
}

export function createLogList(box: HTMLElement): LogList {
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < END_PX;
  const toEnd = () => (box.scrollTop = box.scrollHeight);

  function add(lines: readonly LogLine[]): void {
    const batch = document.createDocumentFragment();
    for (const line of lines) batch.appendChild(element(line));
    box.appendChild(batch);
    for (let extra = box.childElementCount - LOG_WINDOW_LINES; extra > 0; extra--) box.firstElementChild!.remove();
  }

  return {
    append: add,
    replace(lines) {
      box.replaceChildren();
      add(lines);
    },
    atEnd,
    toEnd,
    toFirst(level) {
      const row = box.querySelector<HTMLElement>(level === "error" ? ".e" : ".w");
      if (row) box.scrollTop = row.offsetTop - box.offsetTop - box.clientHeight / 3;
      return row !== null;
    },
    toNext(level) {
      const below = box.scrollTop + box.clientHeight / 3 + END_PX;
      const rows = [...box.querySelectorAll<HTMLElement>(level === "error" ? ".e" : ".w, .e")];
      const next = rows.find((row) => row.offsetTop - box.offsetTop > below) ?? rows[0];
      if (next) box.scrollTop = next.offsetTop - box.offsetTop - box.clientHeight / 3;
    },
  };
}
