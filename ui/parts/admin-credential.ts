import { useState } from "preact/hooks";
import type { HostDetail, RepositoryResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { may } from "../state/session.ts";
import { confirmDone } from "../state/toast.ts";
import { literal } from "../words/literal.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { Field } from "./field.ts";
import { html } from "./html.ts";
import { failureNotice } from "./notice.ts";
import { addressError, EnvFields, envFor } from "./repository-fields.ts";
import { Ago } from "./time.ts";

interface Props {
  detail: HostDetail;
  repository: RepositoryResource;
  reload: () => Promise<void>;
}

/** The second credential, for what deletes: whether there is one, and for administrators the way to change it. */
export function AdminCredential(props: Props) {
  const { admin } = props.repository;
  const [open, setOpen] = useState<"edit" | "remove" | null>(null);
  const close = () => setOpen(null);
  return html`<div class="stack stack-2 ruled credential">
    <h3>Admin credential</h3>
    <p class="fs12 dim">
      ${
        admin === undefined
          ? "None. Forget and prune use the same credential as backups, which an append-only storage refuses."
          : html`Set, changed <${Ago} at=${admin.updatedAtMs} />. Lent to the host for one forget or prune, and erased
              after it.`
      }
    </p>
    ${admin?.address === undefined ? null : html`<p class="mono fs12 credential-address">${literal(admin.address)}</p>`}
    ${
      may("credential.admin")
        ? html`<div class="row">
            <button type="button" class="btn sm" onClick=${() => setOpen("edit")}>
              ${admin === undefined ? "Add admin credential" : "Replace"}
            </button>
            ${admin === undefined ? null : html`<button type="button" class="btn sm danger" onClick=${() => setOpen("remove")}>Remove</button>`}
          </div>`
        : html`<p class="fs12 faint">Only an admin can change it.</p>`
    }
    ${open === "edit" ? html`<${EditDialog} ...${props} onClose=${close} />` : null}
    ${open === "remove" ? html`<${RemoveDialog} ...${props} onClose=${close} />` : null}
  </div>`;
}

function EditDialog({ detail, repository, reload, onClose }: Props & { onClose: () => void }) {
  const [address, setAddress] = useState(repository.admin?.address ?? "");
  const [password, setPassword] = useState("");
  const [env, setEnv] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const [tried, setTried] = useState(false);
  const used = address.trim() === "" ? repository.address : address.trim();
  const wrongAddress = address.trim() === "" ? undefined : addressError(address);
  const noPassword = tried && password === "" ? "Enter the repository password." : undefined;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setTried(true);
    if (busy || wrongAddress !== undefined || password === "") return;
    setBusy(true);
    const answer = await api.putCredentials(detail.id, {
      repositoryId: repository.id,
      purpose: "admin",
      password,
      env: envFor(used, env),
      ...(address.trim() === "" ? {} : { address: address.trim() }),
    });
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    confirmDone("Admin credential saved");
    onClose();
    await reload();
  }

  const form = `admin-${repository.id}`;
  return html`<${Dialog}
    title="Which credential may delete?"
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" onClick=${onClose}>Leave as it is</button>
      <${BusyButton} type="submit" form=${form} kind="primary" busy=${busy}>Save credential<//>`}
  >
    <form id=${form} class="stack" noValidate onSubmit=${submit}>
      ${failure !== null && failure.code !== "request.invalid" ? failureNotice(failure) : null}
      <p class="fs13 dim">Used by forget and prune alone. It is sealed on the server and never shown.</p>
      <${Field}
        label="Address"
        optional
        mono
        value=${address}
        onInput=${setAddress}
        placeholder=${repository.address}
        error=${wrongAddress ?? failure?.fields["address"]}
        hint="Where an append-only server lets data be deleted. Empty: the same address."
      />
      <${Field}
        label="Repository password"
        type="password"
        autocomplete="new-password"
        value=${password}
        onInput=${setPassword}
        error=${noPassword ?? failure?.fields["password"]}
      />
      <${EnvFields} address=${used} env=${env} errors=${failure?.fields} onChange=${setEnv} />
    </form>
  <//>`;
}

function RemoveDialog({ detail, repository, reload, onClose }: Props & { onClose: () => void }) {
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function remove(): Promise<void> {
    const answer = await api.deleteAdminCredential(detail.id, repository.id);
    if (!answer.ok) return setFailure(answer.failure);
    confirmDone("Admin credential removed");
    onClose();
    await reload();
  }
  return html`<${Dialog}
    title="Remove the admin credential?"
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onClose}>Keep credential</button>
      <${BusyButton} kind="danger-solid" onPress=${remove}>Remove credential<//>`}
  >
    ${failure === null ? null : failureNotice(failure)}
    <p class="fs13 dim">Forget and prune then use the credential of the backups. The repository is not touched.</p>
  <//>`;
}
