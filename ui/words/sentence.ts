/** A validator's message as a sentence of its own: "must not be empty" is "Must not be empty." */
export function sentence(message: string): string {
  const text = message.trim();
  if (text === "") return "";
  return `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
