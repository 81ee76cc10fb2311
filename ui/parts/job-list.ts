import { useEffect, useRef, useState } from "preact/hooks";
import type { JobResource, Page } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { link, onFleetMessage } from "../state/fleet.ts";
import { BusyButton } from "./button.ts";
import { html, type Children } from "./html.ts";
import { JobTable } from "./job-table.ts";
import { loaded, skeletonLines, useLoad } from "./load.ts";
import { failureNotice } from "./notice.ts";
import type { Answer, ApiFailure } from "../net/api.ts";

const PAGE = "50";
/** Several verdicts in one second are one reading. */
const GATHER_MS = 1000;

/** How many pages are read for a first one: a filter may find none among many jobs, and yet there are more. */
const PAGES_READ = 10;

async function firstPage(query: Readonly<Record<string, string | undefined>>): Promise<Answer<Page<JobResource>>> {
  let after: string | undefined;
  for (let pages = 1; ; pages++) {
    const answer = await api.jobs({ ...query, limit: PAGE, after });
    if (!answer.ok || answer.value.items.length > 0 || answer.value.next === undefined || pages === PAGES_READ)
      return answer;
    after = answer.value.next;
  }
}

/** Jobs of one filter, newest first, kept current by the feed, older ones page by page. */
export function JobList(props: {
  query: Readonly<Record<string, string | undefined>>;
  withHost: boolean;
  empty: Children;
}) {
  const key = JSON.stringify(props.query);
  const first = useLoad(key, () => firstPage(props.query));
  const [older, setOlder] = useState<{ key: string; items: JobResource[]; next: string | undefined } | null>(null);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const reload = useRef(first.reload);
  reload.current = first.reload;

  useEffect(() => {
    let timer = 0;
    const soon = () => {
      if (timer === 0)
        timer = window.setTimeout(() => {
          timer = 0;
          void reload.current();
        }, GATHER_MS);
    };
    const stop = onFleetMessage((message) => {
      if (message.type === "jobChanged" && (props.query["hostId"] ?? message.hostId) === message.hostId) soon();
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [key]);
  const live = link.value.state === "live";
  useEffect(() => {
    if (live && first.value) void first.reload();
  }, [live]);

  return loaded(
    first,
    (page) => {
      const tail = older?.key === key ? older : null;
      // The first page may have grown over the beginning of the older ones.
      const fresh = new Set(page.items.map((job) => job.id));
      const jobs = [...page.items, ...(tail?.items ?? []).filter((job) => !fresh.has(job.id))];
      const next = tail ? tail.next : page.next;
      async function more(): Promise<void> {
        const answer = await api.jobs({ ...props.query, limit: PAGE, after: next });
        if (!answer.ok) return setFailure(answer.failure);
        setFailure(null);
        setOlder({
          key,
          items: [...(tail?.items ?? page.items), ...answer.value.items],
          next: answer.value.next,
        });
      }
      if (jobs.length === 0 && next === undefined) return props.empty;
      return html`${
        jobs.length === 0
          ? html`<p class="pad fs13 dim">None among the newest jobs. Older ones may match.</p>`
          : html`<${JobTable} jobs=${jobs} withHost=${props.withHost} />`
      }
      ${failure === null ? null : html`<div class="pad">${failureNotice(failure)}</div>`}
      ${next === undefined ? null : html`<div class="cfoot"><${BusyButton} kind="sm" onPress=${more}>Show older jobs<//></div>`}`;
    },
    skeletonLines(6),
  );
}
