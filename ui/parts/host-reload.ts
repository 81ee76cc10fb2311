import { useEffect, useRef } from "preact/hooks";
import { link, onFleetMessage } from "../state/fleet.ts";

/** Several changes of one moment (an edit, its sending, its acknowledgement) are one reading. */
const GATHER_MS = 400;

/** Reads what a page shows of a host again whenever the feed says that the host or one of its jobs has changed. */
export function useHostReload(hostId: string, reload: () => Promise<void>): void {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    let timer = 0;
    const stop = onFleetMessage((message) => {
      const about =
        message.type === "hostChanged" ? message.host.id : message.type === "jobChanged" ? message.hostId : null;
      if (about !== hostId || timer !== 0) return;
      timer = window.setTimeout(() => {
        timer = 0;
        void latest.current();
      }, GATHER_MS);
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [hostId]);
  // What happened while nobody listened is only on the server.
  const live = link.value.state === "live";
  const wasLost = useRef(false);
  useEffect(() => {
    if (!live) wasLost.current = true;
    else if (wasLost.current) {
      wasLost.current = false;
      void latest.current();
    }
  }, [live]);
}
