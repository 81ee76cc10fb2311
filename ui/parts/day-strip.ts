import { useMemo } from "preact/hooks";
import { daysSummary } from "../words/days.ts";
import { html } from "./html.ts";

/** How each letter of a day is drawn at `x`: full, with a gap like "!", short, a ring, a dot. */
const DRAWN: Readonly<Record<string, { tone: string; at: (x: number) => string }>> = {
  s: { tone: "p-ok", at: (x) => `M${x} 3v12` },
  w: { tone: "p-warn", at: (x) => `M${x} 3v5.5M${x} 15v0` },
  f: { tone: "p-bad", at: (x) => `M${x} 11v4` },
  m: { tone: "p-miss", at: (x) => `M${(x - 1.6).toFixed(1)} 14.5a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0` },
  n: { tone: "p-none", at: (x) => `M${x} 15v0` },
  r: { tone: "p-run", at: (x) => `M${x} 3v12` },
};

/**
 * The last days of a host, newest right: one SVG with a path per outcome and a text that says the same. `running` = a
 * backup runs now, which stands for today.
 */
export function DayStrip({ days, running }: { days: string; running: boolean }) {
  return useMemo(() => {
    const drawn = new Map<string, string>();
    const letters = running ? `${days.slice(0, -1)}r` : days;
    [...letters].forEach((letter, i) => {
      const bar = DRAWN[letter];
      if (bar) drawn.set(bar.tone, (drawn.get(bar.tone) ?? "") + bar.at(2 + i * 6));
    });
    const summary = daysSummary(days);
    return html`<svg class="strip" viewBox="0 0 178 18" preserveAspectRatio="none" role="img" aria-label=${summary}>
      <title>${summary}</title>
      ${[...drawn].map(([tone, path]) => html`<path class=${tone} d=${path} />`)}
    </svg>`;
  }, [days, running]);
}

const LEGEND = [
  ["s", "Succeeded"],
  ["w", "Warnings"],
  ["f", "Failed"],
  ["m", "Missed"],
] as const;

/** What the shapes of the strip mean. */
export function stripLegend() {
  return html`<span class="legend hide-md">
    ${LEGEND.map(([letter, word]) => {
      const bar = DRAWN[letter]!;
      return html`<span
        ><svg class="strip" viewBox="0 0 6 18" aria-hidden="true"><path class=${bar.tone} d=${bar.at(3)} /></svg
        >${word}</span
      >`;
    })}
  </span>`;
}
