import { useEffect, useState } from "preact/hooks";

/** True once the part has been on the page for 150 ms: only then is a skeleton worth showing. */
export function useSlow(): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setSlow(true), 150);
    return () => window.clearTimeout(timer);
  }, []);
  return slow;
}
