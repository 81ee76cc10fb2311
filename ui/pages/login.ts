import { useState } from "preact/hooks";
import type { StatusResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { Door, InsecureTransport } from "../parts/door.ts";
import { Field } from "../parts/field.ts";
import { html } from "../parts/html.ts";
import { failureNotice, notice } from "../parts/notice.ts";
import { useTitle } from "../parts/title.ts";
import { now } from "../state/clock.ts";
import { signedIn } from "../state/session.ts";
import { durationText } from "../words/time.ts";

export function LoginPage({ status }: { status: StatusResource }) {
  useTitle("Sign in");
  return html`<${Door} title="Sign in to restic-manager" line=${location.host}>
    ${status.signInPossible ? html`<${LoginForm} />` : html`<${InsecureTransport} />`}
  <//>`;
}

function LoginForm() {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const [retryAtMs, setRetryAtMs] = useState(0);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const answer = await api.login({ username: username.trim(), password });
    setBusy(false);
    if (answer.ok) return signedIn(answer.value);
    setFailure(answer.failure);
    setRetryAtMs(now.peek() + (answer.failure.retryAfterMs ?? 0));
  }

  const waitMs = retryAtMs - now.value;
  const wrong = failure?.code === "auth.invalid_credentials";
  return html`<form class="card pad-5 stack" noValidate onSubmit=${submit}>
    ${
      failure === null
        ? null
        : failure.code === "auth.slow_down"
          ? notice(
              "bad",
              waitMs > 0
                ? `Too many wrong tries. The next one counts in ${durationText(waitMs + 999)}.`
                : "You can try again now.",
              "alert",
            )
          : wrong
            ? notice("bad", "The user name or password is wrong.", "alert")
            : failureNotice(failure)
    }
    <${Field} label="User name" value=${username} onInput=${setUsername} autocomplete="username" focus />
    <${Field}
      label="Password"
      type="password"
      value=${password}
      onInput=${setPassword}
      autocomplete="current-password"
    />
    <${BusyButton} type="submit" kind="primary block" busy=${busy}>Sign in<//>
  </form>`;
}
