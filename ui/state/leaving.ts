import { useEffect } from "preact/hooks";

/** The one form with unsaved changes: where it is, and how it asks before its page is left. */
let guarded: { here: string; ask: (path: string) => void } | null = null;

/** Goes to a path of the console, or has the form ask first. */
export function leaveTo(path: string, route: (path: string) => void): void {
  if (guarded) guarded.ask(path);
  else route(path);
}

/**
 * While `dirty`, leaving asks: a link, the back button and the console's keys call `ask` with where they would lead, a
 * closed tab gets the browser's own question.
 */
export function useLeaveGuard(dirty: boolean, ask: (path: string) => void): void {
  useEffect(() => {
    if (!dirty) return;
    guarded = { here: location.pathname + location.search, ask };
    return () => {
      guarded = null;
    };
  }, [dirty]);
}

function closing(event: BeforeUnloadEvent): void {
  if (guarded) event.preventDefault();
}

function clicked(event: MouseEvent): void {
  const link = guarded && event.target instanceof Element ? event.target.closest("a") : null;
  if (!guarded || !link || link.origin !== location.origin || link.target !== "" || link.hasAttribute("download"))
    return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
  if (link.getAttribute("href")?.startsWith("#")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  guarded.ask(link.pathname + link.search);
}

function moved(event: PopStateEvent): void {
  const to = location.pathname + location.search;
  if (!guarded || to === guarded.here) return;
  event.stopImmediatePropagation();
  history.pushState(null, "", guarded.here);
  guarded.ask(to);
}

// Once, before the router starts to listen: who listens first can keep it from hearing.
window.addEventListener("beforeunload", closing);
window.addEventListener("click", clicked, { capture: true });
window.addEventListener("popstate", moved);
