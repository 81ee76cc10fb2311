import { useEffect } from "preact/hooks";
import { useSignal, type Signal } from "@preact/signals";
import { leaveTo } from "./leaving.ts";
import { may } from "./session.ts";
import { nextTheme } from "./theme.ts";

const GO: Readonly<Record<string, string>> = { f: "/", j: "/jobs", u: "/audit" };
const GO_WITHIN_MS = 1500;

/** Single keys work outside fields and dialogs only. */
function isTyping(target: EventTarget | null): boolean {
  return (
    (target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable)) ||
    document.querySelector("dialog[open]") !== null
  );
}

function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main tr[tabindex]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? rows[0] : rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** Listens to the console's keys; answers whether their list is open. */
export function useKeys(route: (path: string) => void): Signal<boolean> {
  const listOpen = useSignal(false);
  useEffect(() => {
    let wentAtMs = Number.NEGATIVE_INFINITY;
    function press(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      const going = event.timeStamp - wentAtMs < GO_WITHIN_MS;
      wentAtMs = Number.NEGATIVE_INFINITY;
      const to = GO[event.key];
      if (going && to !== undefined)
        return void (to === "/audit" && !may("audit.read") ? undefined : leaveTo(to, route));
      switch (event.key) {
        case "/": {
          const search = document.querySelector<HTMLInputElement>("main input[type=search]");
          if (search) {
            event.preventDefault();
            search.focus();
          }
          return;
        }
        case "j":
          return moveRow(1);
        case "k":
          return moveRow(-1);
        case "a":
          return may("host.enroll") ? leaveTo("/hosts/new", route) : undefined;
        case "t":
          return nextTheme();
        case "?":
          listOpen.value = true;
          return;
        case "g":
          wentAtMs = event.timeStamp;
      }
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [route]);
  return listOpen;
}
