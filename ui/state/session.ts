import { signal } from "@preact/signals";
import type { MeResource, StatusResource } from "../../protocol/api.ts";
import type { Action } from "../../core/access/actions.ts";
import { onSignedOut } from "../net/api.ts";
import { api } from "../net/endpoints.ts";

export type Session =
  | { state: "loading" }
  /** The server did not answer at all. */
  | { state: "unreachable" }
  | { state: "signed-out"; status: StatusResource }
  | { state: "signed-in"; me: MeResource };

export const session = signal<Session>({ state: "loading" });

/** Finds out who is asking, or how one could sign in. */
export async function loadSession(): Promise<void> {
  const me = await api.me();
  if (me.ok) {
    session.value = { state: "signed-in", me: me.value };
    return;
  }
  const status = await api.status();
  session.value = status.ok ? { state: "signed-out", status: status.value } : { state: "unreachable" };
}

export function signedIn(me: MeResource): void {
  session.value = { state: "signed-in", me };
}

export async function signOut(): Promise<void> {
  await api.logout();
  await loadSession();
}

/** Whether the person may take an action; what they may not is absent from the page. */
export function may(action: Action): boolean {
  return session.value.state === "signed-in" && session.value.me.actions.includes(action);
}

onSignedOut(() => {
  if (session.value.state === "signed-in") void loadSession();
});
