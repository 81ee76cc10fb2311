import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { Field, Tick } from "../parts/field.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { failureNotice } from "../parts/notice.ts";
import { ADDRESS_HINT, addressError, EnvFields, envFor } from "../parts/repository-fields.ts";
import { useTitle } from "../parts/title.ts";
import { hosts } from "../state/fleet.ts";
import { keepInstallCommand } from "../state/install-command.ts";
import { linesOf, wordsOf } from "../words/lists.ts";

const EMPTY = { name: "", address: "", password: "", paths: "", tags: "" };
type FormField = keyof typeof EMPTY;

/** What is wrong with the form, by field: the same rules as the server's, said before it is asked. */
function check(form: typeof EMPTY): Partial<Record<FormField, string>> {
  const errors: Partial<Record<FormField, string>> = {};
  if (form.name.trim() === "") errors.name = "Enter a name for the host.";
  const address = addressError(form.address);
  if (address !== undefined) errors.address = address;
  if (form.password === "") errors.password = "Enter the repository's password.";
  const paths = linesOf(form.paths);
  if (paths.length === 0) errors.paths = "Enter at least one path.";
  const relative = paths.find((path) => !/^(\/|[A-Za-z]:[\\/]|\\\\[^\\])/.test(path));
  if (relative !== undefined) errors.paths = `“${relative}” is not an absolute path, such as /srv or C:\\Data.`;
  return errors;
}

/** The fields of a refusal by the server, under the names of this form. */
function fromServer(failure: ApiFailure | null): Partial<Record<FormField, string>> {
  const errors: Partial<Record<FormField, string>> = {};
  const place: readonly (readonly [prefix: string, field: FormField])[] = [
    ["hostName", "name"],
    ["repository.address", "address"],
    ["repository.password", "password"],
    ["paths", "paths"],
    ["tags", "tags"],
  ];
  for (const [path, message] of Object.entries(failure?.fields ?? {})) {
    const field = place.find(([prefix]) => path === prefix || path.startsWith(`${prefix}.`))?.[1];
    if (field !== undefined) errors[field] = message;
  }
  return errors;
}

/** One form: everything a host needs for its first backup. */
export function AddHostPage() {
  useTitle("Add host");
  const { route } = useLocation();
  const [form, setForm] = useState(EMPTY);
  const [env, setEnv] = useState<Record<string, string>>({});
  const [create, setCreate] = useState(true);
  /** Fields that were left, or all once the form was sent: only these show their errors. */
  const [left, setLeft] = useState<ReadonlySet<FormField>>(new Set());
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);

  const errors = check(form);
  const refused = fromServer(failure);
  const wrong = Object.keys(errors).length;
  const bind = (field: FormField) => ({
    value: form[field],
    error: (left.has(field) ? errors[field] : undefined) ?? refused[field],
    onInput: (value: string) => {
      setForm((old) => ({ ...old, [field]: value }));
      setFailure(null);
    },
    onBlur: () => {
      if (form[field] !== "") setLeft((old) => new Set(old).add(field));
    },
  });

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setLeft(new Set(Object.keys(EMPTY) as FormField[]));
    if (busy || wrong > 0) return;
    setBusy(true);
    const answer = await api.createEnrollment({
      hostName: form.name.trim(),
      tags: wordsOf(form.tags),
      repository: {
        address: form.address.trim(),
        password: form.password,
        env: envFor(form.address, env),
        createRepository: create,
      },
      paths: linesOf(form.paths),
    });
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    keepInstallCommand(answer.value.enrollment.id, answer.value.installCommand);
    route(`/hosts/new/${answer.value.enrollment.id}`, true);
  }

  const shownErrors = [...left].filter((field) => errors[field] !== undefined).length;
  const sameName = [...hosts.value.values()].some((host) => host.value.name === form.name.trim());
  return html`<div class="page page-narrow">
    <header class="phead">
      <div>
        <${Crumbs} here="Add host" />
        <h1>Add host</h1>
      </div>
    </header>
    <div class="cols">
      <form class="card pad-5 stack" noValidate onSubmit=${submit}>
        ${failure !== null && Object.keys(refused).length === 0 ? failureNotice(failure) : null}
        <${Field}
          label="Name"
          mono
          focus
          placeholder="web-eu-3"
          hint=${sameName ? "Another host has this name. They stay two hosts." : "As you call it; it can be changed later."}
          ...${bind("name")}
        />
        <${Field}
          label="Repository address"
          mono
          placeholder="rest:https://backup.example.net/web-eu-3"
          hint=${ADDRESS_HINT}
          ...${bind("address")}
        />
        <${EnvFields} address=${form.address} env=${env} errors=${failure?.fields} onChange=${setEnv} />
        <${Field}
          label="Repository password"
          type="password"
          autocomplete="new-password"
          hint="It encrypts the backups. Keep a copy elsewhere: without it nothing can be restored."
          ...${bind("password")}
        />
        <${Tick} checked=${create} onChange=${setCreate}>
          Create the repository when it is missing
          <span class="hint block">At the first backup. An existing repository is used as it is.</span>
        <//>
        <${Field}
          label="First paths"
          mono
          rows=${3}
          placeholder=${"/srv\n/etc"}
          hint="One absolute path a line. They become the host's first manual schedule."
          ...${bind("paths")}
        />
        <${Field} label="Tags" optional placeholder="prod, web" hint="Separate with commas." ...${bind("tags")} />
        <div class="row row-3 wrap">
          <${BusyButton} type="submit" kind="primary" busy=${busy}>Make install command<//>
          ${shownErrors > 0 ? html`<span class="err" role="status">Fix ${shownErrors} ${shownErrors === 1 ? "field" : "fields"} first</span>` : null}
        </div>
      </form>
      <aside class="stack">
        <section class="card pad stack stack-2">
          <h2>What happens</h2>
          <ul class="stack stack-2 fs13 dim">
            <li>You get one line to run on the host. It works once, within an hour.</li>
            <li>The token in it is swapped for a key that only this agent holds.</li>
            <li>The repository password travels sealed to that key and is stored encrypted.</li>
            <li>The agent connects out. No port is opened on the host.</li>
          </ul>
        </section>
        <section class="card pad stack stack-2">
          <h2>${icon("info", "i-sm")} What the host needs</h2>
          <p class="fs13 dim">Linux, root, restic 0.14 or newer and Node 22.19 or newer.</p>
        </section>
      </aside>
    </div>
  </div>`;
}
