import { BACKEND_ENV, OPEN_ENV, parseAddress, type Backend } from "../../protocol/repository.ts";
import { html } from "./html.ts";
import { Field } from "./field.ts";

/** The names people know for what each backend calls its keys. */
const ENV_LABEL: Record<(typeof BACKEND_ENV)[Backend][number], string> = {
  RESTIC_REST_USERNAME: "User name of the REST server",
  RESTIC_REST_PASSWORD: "Password of the REST server",
  AWS_ACCESS_KEY_ID: "Access key ID",
  AWS_SECRET_ACCESS_KEY: "Secret access key",
  AWS_SESSION_TOKEN: "Session token",
  AWS_DEFAULT_REGION: "Region",
  B2_ACCOUNT_ID: "B2 key ID",
  B2_ACCOUNT_KEY: "B2 application key",
  AZURE_ACCOUNT_NAME: "Storage account name",
  AZURE_ACCOUNT_KEY: "Storage account key",
  AZURE_ACCOUNT_SAS: "SAS token",
  AZURE_ENDPOINT_SUFFIX: "Endpoint suffix",
};
export const ADDRESS_HINT = "An absolute path, or rest:, s3:, b2:, azure: or sftp: and the place.";

/** What is wrong with an address, in words that say how it should look; undefined when nothing is. */
export function addressError(address: string): string | undefined {
  if (address.trim() === "") return "Enter the repository's address.";
  const parsed = parseAddress(address.trim());
  return parsed.ok ? undefined : parsed.failure.message;
}

/** The keys that the backend of an address may need; none while the address is not readable. */
export function envKeysOf(address: string): readonly (keyof typeof ENV_LABEL)[] {
  const parsed = parseAddress(address.trim());
  return parsed.ok ? BACKEND_ENV[parsed.value.backend] : [];
}

/** What of `env` belongs to the backend of `address` and is filled in. */
export function envFor(address: string, env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(envKeysOf(address).flatMap((key) => (env[key] ? [[key, env[key]]] : [])));
}

/** Fields for the backend's own credentials, appearing by the address's scheme. `stored` names those already set. */
export function EnvFields(props: {
  address: string;
  env: Readonly<Record<string, string>>;
  stored?: readonly string[];
  errors?: Readonly<Record<string, string>>;
  onChange: (env: Record<string, string>) => void;
}) {
  return html`${envKeysOf(props.address).map(
    (key) =>
      html`<${Field}
        key=${key}
        label=${ENV_LABEL[key]}
        type=${OPEN_ENV.has(key) ? "text" : "password"}
        mono=${OPEN_ENV.has(key)}
        autocomplete=${OPEN_ENV.has(key) ? "off" : "new-password"}
        optional
        placeholder=${props.stored?.includes(key) ? "set" : undefined}
        value=${props.env[key] ?? ""}
        error=${props.errors?.[key]}
        onInput=${(value: string) => props.onChange({ ...props.env, [key]: value })}
      />`,
  )}`;
}
