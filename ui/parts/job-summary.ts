import type { JobResource } from "../../protocol/api.ts";
import type { BackupSummary } from "../../protocol/wire.ts";
import { tookText } from "../words/phases.ts";
import { countText, sizeText } from "../words/size.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

/** What a finished backup did, in restic's own numbers. */
export function JobSummary({ job, summary, warnings }: { job: JobResource; summary: BackupSummary; warnings: number }) {
  const packed = summary.addedPackedBytes;
  return html`<div class="vitals ruled" aria-label="Summary">
    <div>
      <span>Snapshot</span>
      ${
        summary.snapshotId === undefined
          ? html`<b>none</b>`
          : html`<b
              ><a class="mono" title=${summary.snapshotId} href=${`/hosts/${job.hostId}/snapshots`}
                >${summary.snapshotId.slice(0, 8)}</a
              ></b
            >`
      }
      ${summary.snapshotId === undefined ? null : html`<span class="t-ok">${icon("ok", "i-sm")} saved</span>`}
    </div>
    <div>
      <span>Read</span><b>${sizeText(summary.totalBytes)}</b><span>${countText(summary.totalFiles)} files</span>
    </div>
    <div>
      <span>Added</span><b>${sizeText(summary.addedBytes)}</b>
      ${packed === undefined ? null : html`<span>${sizeText(packed)} compressed</span>`}
    </div>
    <div>
      <span>New, changed</span><b>${countText(summary.filesNew)}, ${countText(summary.filesChanged)}</b>
      <span>${countText(summary.filesUnmodified)} unchanged</span>
    </div>
    <div>
      <span>Warnings</span><b>${countText(warnings)}</b>
      ${warnings > 0 ? html`<span class="t-warn">${icon("warn", "i-sm")} not read</span>` : html`<span>everything was read</span>`}
    </div>
    <div><span>Reading took</span><b>${tookText(summary.durationMs)}</b></div>
  </div>`;
}
