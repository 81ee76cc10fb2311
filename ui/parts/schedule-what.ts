import type { HostPolicy } from "../../protocol/schedule.ts";
import type { ScheduleForm } from "../state/schedule-form.ts";
import { linesOf } from "../words/lists.ts";
import { pathRefusals } from "../words/policy.ts";
import { commandText } from "./command-text.ts";
import { Field, Switch } from "./field.ts";
import { html } from "./html.ts";
import { notice } from "./notice.ts";

/** What a backup saves and leaves out. */
export function WhatCard({
  form,
  policy,
  windows,
}: {
  form: ScheduleForm;
  policy: HostPolicy | undefined;
  windows: boolean;
}) {
  const { draft, set } = form;
  const field = (name: "paths" | "excludes" | "tags") => ({
    value: draft[name],
    error: form.error(name),
    onBlur: form.left(name),
    onInput: (value: string) => set({ [name]: value }),
  });
  const refusals = pathRefusals(policy, linesOf(draft.paths));
  return html`<section class="card" aria-labelledby="what">
    <div class="chead"><h2 id="what">What</h2></div>
    <div class="pad stack">
      <div class="cols cols-2">
        <${Field} label="Paths" mono rows=${4} ...${field("paths")} hint="One per line, absolute." />
        <${Field}
          label="Leave out"
          mono
          rows=${4}
          optional
          ...${field("excludes")}
          hint="restic patterns, one per line."
        />
      </div>
      ${
        refusals.length === 0
          ? null
          : notice("warn", html`<b>The host will refuse this.</b> ${refusals.map(commandText)}`)
      }
      ${
        windows
          ? html`<${Switch} checked=${draft.fsSnapshot} onChange=${(fsSnapshot: boolean) => set({ fsSnapshot })}
              >Read from a volume shadow copy, so that files in use are saved too<//
            >`
          : null
      }
      <${Field} label="Tags" optional ...${field("tags")} hint="For its snapshots. Separate with commas." />
    </div>
  </section>`;
}

/** How much of the data a check reads. */
export function ReadCard({ form }: { form: ScheduleForm }) {
  const { draft, set } = form;
  const option = (mode: "none" | "percent" | "rotate", title: string, says: string) =>
    html`<label class="opt"
      ><input
        type="radio"
        name="read"
        checked=${draft.readMode === mode}
        onChange=${() => set({ readMode: mode })}
      /><span
        >${title}
        <p>${says}</p></span
      ></label
    >`;
  return html`<section class="card" aria-labelledby="reads">
    <div class="chead"><h2 id="reads">What it reads</h2></div>
    <div class="pad stack">
      <div class="cols cols-3" role="radiogroup" aria-labelledby="reads">
        ${option("none", "Structure only", "Quick. Damaged data goes unseen.")}
        ${option("percent", "A random part", "Another part each time, by chance.")}
        ${option("rotate", "All data in turn", "Each run reads the next part.")}
      </div>
      <div class="cols cols-2">
        ${
          draft.readMode === "percent"
            ? html`<${Field}
                label="Part of the data"
                unit="%"
                value=${draft.readPercent}
                error=${form.error("readPercent")}
                onBlur=${form.left("readPercent")}
                onInput=${(readPercent: string) => set({ readPercent })}
              />`
            : null
        }
        ${
          draft.readMode === "rotate"
            ? html`<${Field}
                label="All data is read within"
                unit="days"
                value=${draft.readDays}
                error=${form.error("readDays")}
                onBlur=${form.left("readDays")}
                onInput=${(readDays: string) => set({ readDays })}
                hint=${draft.manual ? "For a manual schedule: within so many runs." : "The parts follow from how often it runs."}
              />`
            : null
        }
      </div>
    </div>
  </section>`;
}

/** Bandwidth for all of its runs. */
export function LimitsCard({ form }: { form: ScheduleForm }) {
  const { draft, set } = form;
  const field = (name: "upload" | "download") => ({
    unit: "MiB/s",
    value: draft[name],
    error: form.error(name),
    onBlur: form.left(name),
    onInput: (value: string) => set({ [name]: value }),
    hint: "Empty: no limit.",
  });
  return html`<section class="card" aria-labelledby="limits">
    <div class="chead"><h2 id="limits">Limits</h2></div>
    <div class="pad cols cols-2">
      <${Field} label="Upload" optional ...${field("upload")} />
      <${Field} label="Download" optional ...${field("download")} />
    </div>
  </section>`;
}
