import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HostDetail, RepositoryResource } from "../../../protocol/api.ts";
import type { ApiFailure } from "../../net/api.ts";
import { api } from "../../net/endpoints.ts";
import { BusyButton } from "../../parts/button.ts";
import { Dialog } from "../../parts/dialog.ts";
import { Field, Tick } from "../../parts/field.ts";
import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { failureNotice, notice } from "../../parts/notice.ts";
import { ADDRESS_HINT, addressError, EnvFields, envFor, envKeysOf } from "../../parts/repository-fields.ts";
import { activeByHost, dropHost, keepHost } from "../../state/fleet.ts";
import { may } from "../../state/session.ts";
import { confirmDone } from "../../state/toast.ts";
import { wordsOf } from "../../words/lists.ts";
import { literal } from "../../words/literal.ts";
import { countOf } from "../../words/size.ts";
import { HostHooks } from "./hooks.ts";

export function HostSettings({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  return html`<div class="stack narrow">
    <${NameAndTags} key=${detail.id} detail=${detail} />
    ${
      may("credential.write")
        ? detail.repositories.map(
            (repository) =>
              html`<${Credentials}
                key=${`${repository.id} ${repository.credentialVersion}`}
                detail=${detail}
                repository=${repository}
                reload=${reload}
              />`,
          )
        : null
    }
    ${may("hook.write") ? html`<${HostHooks} key=${detail.id} detail=${detail} reload=${reload} />` : null}
    ${may("host.delete") ? html`<${DangerZone} detail=${detail} />` : null}
  </div>`;
}

function NameAndTags({ detail }: { detail: HostDetail }) {
  const [name, setName] = useState(detail.name);
  const [tags, setTags] = useState(detail.tags.join(", "));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const empty = name.trim() === "" ? "Enter a name for the host." : undefined;
  const tagError = Object.entries(failure?.fields ?? {}).find(([field]) => field.startsWith("tags"))?.[1];

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || empty !== undefined) return;
    setBusy(true);
    const answer = await api.patchHost(detail.id, { name: name.trim(), tags: wordsOf(tags) });
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    setFailure(null);
    keepHost(answer.value);
    confirmDone("Settings saved");
  }

  return html`<form class="card pad-5 stack" noValidate onSubmit=${submit} aria-labelledby="name-tags">
    <h2 id="name-tags">Name and tags</h2>
    ${failure !== null && failure.code !== "request.invalid" ? failureNotice(failure) : null}
    <${Field}
      label="Name"
      mono
      value=${name}
      onInput=${setName}
      error=${empty ?? failure?.fields["name"]}
      hint="Shown here only; snapshots keep the host's own name."
    />
    <${Field} label="Tags" optional value=${tags} onInput=${setTags} error=${tagError} hint="Separate with commas." />
    <div><${BusyButton} type="submit" kind="primary" busy=${busy}>Save settings<//></div>
  </form>`;
}

function Credentials(props: { detail: HostDetail; repository: RepositoryResource; reload: () => Promise<void> }) {
  const { detail, repository } = props;
  const [address, setAddress] = useState(repository.address);
  const [password, setPassword] = useState("");
  const [env, setEnv] = useState<Record<string, string>>({});
  const [create, setCreate] = useState(repository.createRepository);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const invalid = addressError(address);
  const given = envFor(address, env);
  const moved = address.trim() !== repository.address;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || invalid !== undefined) return;
    setBusy(true);
    const answer = await api.putCredentials(detail.id, {
      repositoryId: repository.id,
      createRepository: create,
      ...(moved ? { address: address.trim() } : {}),
      ...(password === "" ? {} : { password }),
      // Keys of another backend are of no use to the new one.
      ...(Object.keys(given).length > 0 || (moved && envKeysOf(address).join() !== envKeysOf(repository.address).join())
        ? { env: given }
        : {}),
    });
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    setFailure(null);
    confirmDone(
      detail.online ? "Credentials saved and sent to the agent" : "Credentials saved, sent when the host is back",
    );
    await props.reload();
  }

  return html`<form class="card pad-5 stack" noValidate onSubmit=${submit} aria-labelledby=${`repo-${repository.id}`}>
    <h2 id=${`repo-${repository.id}`}>Repository</h2>
    ${failure !== null && failure.code !== "request.invalid" ? failureNotice(failure) : null}
    <${Field}
      label="Repository address"
      mono
      value=${address}
      onInput=${setAddress}
      error=${invalid ?? failure?.fields["address"]}
      hint=${ADDRESS_HINT}
    />
    ${moved ? notice("warn", "Snapshots stay at the old address. The next backup goes to the new one.") : null}
    <${Field}
      label="Repository password"
      type="password"
      autocomplete="new-password"
      optional
      placeholder=${repository.hasPassword ? "set" : ""}
      value=${password}
      onInput=${setPassword}
      error=${failure?.fields["password"]}
      hint="Leave empty to keep the stored one. It is never shown."
    />
    <${EnvFields}
      address=${address}
      env=${env}
      stored=${repository.envKeys}
      errors=${failure?.fields}
      onChange=${setEnv}
    />
    ${
      envKeysOf(address).length > 0 && repository.envKeys.length > 0
        ? html`<p class="hint">Leave these empty to keep the stored ones. Filling in one replaces all of them.</p>`
        : null
    }
    <${Tick} checked=${create} onChange=${setCreate}>Create the repository when it is missing<//>
    <div><${BusyButton} type="submit" kind="primary" busy=${busy}>Save credentials<//></div>
  </form>`;
}

function DangerZone({ detail }: { detail: HostDetail }) {
  const [asking, setAsking] = useState(false);
  return html`<section class="card danger-zone" aria-labelledby="remove">
    <div class="item between">
      <div>
        <h2 id="remove">Remove ${literal(detail.name)}</h2>
        <p class="fs13 dim">Its schedules and history leave this console. The repository stays as it is.</p>
      </div>
      <button type="button" class="btn danger" onClick=${() => setAsking(true)}>${icon("trash")}Remove host</button>
    </div>
    ${asking ? html`<${RemoveDialog} detail=${detail} onClose=${() => setAsking(false)} />` : null}
  </section>`;
}

function RemoveDialog({ detail, onClose }: { detail: HostDetail; onClose: () => void }) {
  const { route } = useLocation();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const name = literal(detail.name);
  const running = activeByHost.value.has(detail.id);

  async function remove(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || typed !== detail.name) return;
    setBusy(true);
    const answer = await api.deleteHost(detail.id, typed);
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    dropHost(detail.id);
    confirmDone("Host removed");
    route("/");
  }

  const untouched =
    detail.snapshotCount > 0
      ? `The ${countOf(detail.snapshotCount, "snapshot")} in the repository ${detail.snapshotCount === 1 ? "is" : "are"} not touched.`
      : "The repository is not touched.";
  const form = `remove-${detail.id}`;
  return html`<${Dialog}
    title=${`Remove ${name}?`}
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" onClick=${onClose}>Keep host</button>
      <button
        type="submit"
        form=${form}
        class="btn danger-solid"
        disabled=${typed !== detail.name}
        aria-busy=${busy}
        title=${typed === detail.name ? undefined : "Type the host's name first"}
      >
        ${busy ? icon("run", "i-sm spin") : null}Remove host
      </button>`}
  >
    <form id=${form} class="stack" noValidate onSubmit=${remove}>
      <p class="fs13 dim">The agent is signed out. Its schedules, jobs and logs are deleted here. ${untouched}</p>
      ${running ? notice("warn", "A job is running. It will be cancelled.") : null}
      ${failure === null ? null : failureNotice(failure)}
      <${Field}
        label=${html`Type <span class="mono semi">${name}</span> to confirm`}
        mono
        focus
        value=${typed}
        onInput=${setTyped}
      />
    </form>
  <//>`;
}
