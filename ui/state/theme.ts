import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(stored());

/** Sets the colours; `theme-first.ts` has done the same before the first paint. */
export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is off: the choice lasts as long as the page.
  }
}

/** System, then the opposite of what the system shows, then the other, then system again. */
export function nextTheme(): void {
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order: Theme[] = systemDark ? ["system", "light", "dark"] : ["system", "dark", "light"];
  setTheme(order[(order.indexOf(theme.value) + 1) % order.length]!);
}
