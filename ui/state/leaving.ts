import { useEffect } from "preact/hooks";

/** The one form with unsaved changes, asked before its page is left; null = anyone may leave. */
let asker: ((path: string) => void) | null = null;

/** Goes to a path of the console, or has the form ask first. */
export function leaveTo(path: string, route: (path: string) => void): void {
  if (asker) asker(path);
  else route(path);
}

/**
 * While `dirty`, leaving asks: a link, the back button and the console's keys call `ask` with where they would lead, a
 * closed tab gets the browser's own question.
 */
export function useLeaveGuard(dirty: boolean, ask: (path: string) => void): void {
  useEffect(() => {
    if (!dirty) return;
    const here = location.pathname + location.search;
    asker = ask;

    function closing(event: BeforeUnloadEvent): void {
      event.preventDefault();
    }
    function clicked(event: MouseEvent): void {
      const link = event.target instanceof Element ? event.target.closest("a") : null;
      if (!link || link.origin !== location.origin || link.target !== "" || link.hasAttribute("download")) return;
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
      if (link.getAttribute("href")?.startsWith("#")) return;
      event.preventDefault();
      event.stopPropagation();
      ask(link.pathname + link.search);
    }
    function moved(event: PopStateEvent): void {
      const to = location.pathname + location.search;
      if (to === here) return;
      event.stopImmediatePropagation();
      history.pushState(null, "", here);
      ask(to);
    }
    window.addEventListener("beforeunload", closing);
    // Before the router hears of it.
    window.addEventListener("click", clicked, { capture: true });
    window.addEventListener("popstate", moved, { capture: true });
    return () => {
      asker = null;
      window.removeEventListener("beforeunload", closing);
      window.removeEventListener("click", clicked, { capture: true });
      window.removeEventListener("popstate", moved, { capture: true });
    };
  }, [dirty]);
}
