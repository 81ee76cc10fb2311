import type { DraftField, ScheduleDraft } from "./schedule-draft.ts";

/** What each card of the editor gets: the fields, how to change them, and what is wrong once that may be said. */
export interface ScheduleForm {
  draft: ScheduleDraft;
  set: (change: Partial<ScheduleDraft>) => void;
  /** A field is judged once it was left, and at Save. */
  error: (field: DraftField) => string | undefined;
  left: (field: DraftField) => () => void;
}
