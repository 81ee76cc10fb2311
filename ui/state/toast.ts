import { signal } from "@preact/signals";

/** The one confirmation on show. Toasts only confirm; an error is said where it happened. */
export const toast = signal<string | null>(null);

export function confirmDone(text: string): void {
  toast.value = text;
}
