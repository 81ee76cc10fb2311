import { useState } from "preact/hooks";
import type { StatusResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { Door, InsecureTransport } from "../parts/door.ts";
import { Field } from "../parts/field.ts";
import { html } from "../parts/html.ts";
import { failureNotice } from "../parts/notice.ts";
import { useTitle } from "../parts/title.ts";
import { loadSession, signedIn } from "../state/session.ts";

/** First run: whoever can read the server's log makes the first admin. */
export function SetupPage({ status }: { status: StatusResource }) {
  useTitle("Set up");
  return html`<${Door} title="Set up restic-manager" line="Make the first admin. This page exists once.">
    ${status.signInPossible ? html`<${SetupForm} />` : html`<${InsecureTransport} />`}
  <//>`;
}

function SetupForm() {
  const [token, setToken] = useState("");
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [repeat, setRepeat] = useState("");
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);

  const passwordError = password.length < 12 ? "Use at least 12 characters." : failure?.fields["password"];
  const repeatError = repeat === password ? undefined : "The two passwords differ.";

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (busy || password.length < 12 || repeatError !== undefined) return;
    setBusy(true);
    const answer = await api.bootstrap({ token: token.trim(), username: username.trim(), password });
    setBusy(false);
    if (answer.ok) return signedIn(answer.value);
    // Another admin was faster: the server has no such route any more.
    if (answer.failure.status === 404) return loadSession();
    setFailure(answer.failure);
  }

  return html`<form class="card pad-5 stack" noValidate onSubmit=${submit}>
    ${failure !== null && failure.code !== "request.invalid" ? failureNotice(failure) : null}
    <${Field}
      label="Setup token"
      mono
      focus
      value=${token}
      onInput=${setToken}
      hint="The server printed it in its log when it started."
      error=${failure?.fields["token"]}
    />
    <${Field}
      label="User name"
      value=${username}
      onInput=${setUsername}
      autocomplete="username"
      hint="Lower-case letters, digits, dots, dashes and underscores."
      error=${failure?.fields["username"]}
    />
    <${Field}
      label="Password"
      type="password"
      value=${password}
      onInput=${setPassword}
      autocomplete="new-password"
      hint="At least 12 characters; length is what counts."
      error=${checked ? passwordError : undefined}
    />
    <${Field}
      label="Password again"
      type="password"
      value=${repeat}
      onInput=${setRepeat}
      autocomplete="new-password"
      error=${checked ? repeatError : undefined}
    />
    <${BusyButton} type="submit" kind="primary block" busy=${busy}>Create admin<//>
  </form>`;
}
