import { SCHEDULE_KINDS, type HostPolicy } from "../../protocol/schedule.ts";
import type { RepositoryResource } from "../../protocol/api.ts";
import { whyNotEdit } from "../state/schedule-access.ts";
import type { ScheduleForm } from "../state/schedule-form.ts";
import { literal } from "../words/literal.ts";
import { policyCommand } from "../words/policy.ts";
import { KIND_WORDS } from "../words/schedule.ts";
import { Field, SelectField } from "./field.ts";
import { html } from "./html.ts";

/** Its name and repository; for a new one also what it does, which cannot change later. */
export function KindCard(props: {
  form: ScheduleForm;
  isNew: boolean;
  repositories: readonly RepositoryResource[];
  policy: HostPolicy | undefined;
}) {
  const { form, policy } = props;
  const { draft, set } = form;
  const pruneForbidden = policy?.allowPrune === false;
  return html`<section class="card pad stack" aria-label="Schedule">
    ${
      props.isNew
        ? html`<div class="cols cols-2" role="radiogroup" aria-label="What it does">
            ${SCHEDULE_KINDS.map((kind) => {
              const because = whyNotEdit(kind);
              const forbidden = kind === "prune" && pruneForbidden;
              return html`<label class="opt" key=${kind}
                ><input
                  type="radio"
                  name="kind"
                  checked=${draft.kind === kind}
                  disabled=${forbidden || because !== undefined}
                  onChange=${() => set({ kind })}
                /><span
                  ><b class="semi">${KIND_WORDS[kind].noun}</b>
                  <p>${KIND_WORDS[kind].says}</p>
                  ${because === undefined ? null : html`<p>${because}</p>`}
                  ${
                    forbidden
                      ? html`<p>
                          The host does not allow it. Run on it:${" "}
                          <span class="mono">${policyCommand("allow_prune", "true")}</span>
                        </p>`
                      : null
                  }</span
                ></label
              >`;
            })}
          </div>`
        : null
    }
    <div class=${props.repositories.length > 1 ? "cols cols-2" : "stack"}>
      <${Field}
        label="Name"
        value=${draft.name}
        error=${form.error("name")}
        onBlur=${form.left("name")}
        onInput=${(name: string) => set({ name })}
        placeholder=${props.isNew ? "nightly" : undefined}
      />
      ${
        props.repositories.length > 1
          ? html`<${SelectField}
              label="Repository"
              value=${draft.repositoryId}
              options=${props.repositories.map((each) => [each.id, literal(each.address)])}
              error=${form.error("repositoryId")}
              onChange=${(repositoryId: string) => set({ repositoryId })}
            />`
          : null
      }
    </div>
  </section>`;
}
