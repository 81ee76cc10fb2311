import * as v from "valibot";
import { scheduleInput } from "../../core/schedule/schedule-input.ts";
import type { ScheduleResource } from "../../protocol/api.ts";
import { keepPolicySchema, type KeepPolicy, type ScheduleInput, type ScheduleKind } from "../../protocol/schedule.ts";
import { linesOf, wordsOf } from "../words/lists.ts";
import { literal } from "../words/literal.ts";
import { kibOf, mibText } from "../words/mib-rate.ts";
import { sentence } from "../words/sentence.ts";

/**
 * A schedule as it stands in the editor's fields: text is kept as typed, whatever it is worth. One name a field, which
 * errors and changes go by too.
 */
export interface ScheduleDraft {
  kind: ScheduleKind;
  name: string;
  repositoryId: string;
  enabled: boolean;
  manual: boolean;
  cron: string;
  timeZone: string;
  spreadMinutes: string;
  catchUp: "once" | "skip";
  /** One a line. */
  paths: string;
  excludes: string;
  /** Comma-separated. */
  tags: string;
  /** Of a Windows host alone. */
  fsSnapshot: boolean;
  /** Whether rules say what stays; else every snapshot does. */
  retains: boolean;
  last: string;
  hourly: string;
  daily: string;
  weekly: string;
  monthly: string;
  yearly: string;
  within: string;
  keepTags: string;
  retentionWhen: "after_backup" | "forget_schedule";
  readMode: "none" | "percent" | "rotate";
  readPercent: string;
  readDays: string;
  /** MiB/s. */
  upload: string;
  download: string;
}

/** A field of the editor; `keep` is the rules together. */
export type DraftField = keyof ScheduleDraft | "keep";
export type DraftErrors = Partial<Record<DraftField, string>>;

export const KEEP_COUNTS = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** A new schedule: each night in the zone of whoever makes it. */
export function newDraft(repositoryId: string, timeZone: string): ScheduleDraft {
  return {
    kind: "backup",
    name: "",
    repositoryId,
    enabled: true,
    manual: false,
    cron: "0 2 * * *",
    timeZone,
    spreadMinutes: "30",
    catchUp: "once",
    paths: "",
    excludes: "",
    fsSnapshot: true,
    tags: "",
    retains: true,
    last: "",
    hourly: "",
    daily: "7",
    weekly: "5",
    monthly: "12",
    yearly: "",
    within: "",
    keepTags: "",
    retentionWhen: "after_backup",
    readMode: "percent",
    readPercent: "5",
    readDays: "90",
    upload: "",
    download: "",
  };
}

/** The fields of a schedule that exists. `timeZone` is offered where it has none. */
export function draftOf(schedule: ScheduleInput, timeZone: string): ScheduleDraft {
  const draft: ScheduleDraft = {
    ...newDraft(schedule.repositoryId, schedule.timeZone ?? timeZone),
    kind: schedule.kind,
    name: schedule.name,
    enabled: schedule.enabled,
    manual: schedule.manual,
    cron: schedule.cron ?? "0 2 * * *",
    spreadMinutes: String(schedule.spreadMinutes),
    catchUp: schedule.catchUp,
    upload: schedule.limits.uploadKiBs === undefined ? "" : mibText(schedule.limits.uploadKiBs),
    download: schedule.limits.downloadKiBs === undefined ? "" : mibText(schedule.limits.downloadKiBs),
  };
  if (schedule.kind === "backup") {
    draft.paths = schedule.paths.join("\n");
    draft.excludes = schedule.excludes.join("\n");
    draft.tags = schedule.tags.join(", ");
    draft.fsSnapshot = schedule.fsSnapshot !== false;
    draft.retains = schedule.retention !== null;
    if (schedule.retention) {
      const { keep, when } = schedule.retention;
      for (const rule of KEEP_COUNTS) draft[rule] = keep[rule] === undefined ? "" : String(keep[rule]);
      draft.within = keep.within ?? "";
      draft.keepTags = keep.tags?.join(", ") ?? "";
      draft.retentionWhen = when;
    }
  }
  if (schedule.kind === "check") {
    draft.readMode = schedule.readData.mode;
    if (schedule.readData.mode === "percent") draft.readPercent = String(schedule.readData.percent);
    if (schedule.readData.mode === "rotate") draft.readDays = String(schedule.readData.days);
  }
  return draft;
}

const KNOWN_OF: Record<Exclude<keyof ScheduleResource, keyof ScheduleInput>, true> = {
  id: true,
  version: true,
  createdAtMs: true,
  updatedAtMs: true,
  nextRunAtMs: true,
  late: true,
  lastRun: true,
  hasHooks: true,
  heldJobId: true,
  refused: true,
};

/** What a person gave of a schedule, without what is only known of it. */
export function inputOf(schedule: ScheduleResource): ScheduleInput {
  const given = Object.entries(schedule).filter(([field]) => !(field in KNOWN_OF));
  return Object.fromEntries(given) as unknown as ScheduleInput;
}

/** What a draft is worth: the schedule to send, or what is wrong with which field. */
export type ReadDraft = { input: ScheduleInput; errors: null } | { input: null; errors: DraftErrors };

/** Reads a draft with the validator that server and agent use. */
export function readDraft(draft: ScheduleDraft): ReadDraft {
  const errors: DraftErrors = {};
  const whole = (field: keyof ScheduleDraft & string, empty?: number): number | undefined => {
    const typed = String(draft[field]).trim();
    if (typed === "") return empty;
    if (/^-?\d{1,15}$/.test(typed)) return Number(typed);
    errors[field] = "Enter a whole number.";
    return undefined;
  };
  const rate = (field: "upload" | "download"): number | undefined => {
    const kib = kibOf(draft[field]);
    if (kib === null) errors[field] = "Enter a number, such as 1.5, or leave it empty for no limit.";
    return kib ?? undefined;
  };

  const candidate: Record<string, unknown> = {
    kind: draft.kind,
    name: draft.name,
    repositoryId: draft.repositoryId,
    enabled: draft.enabled,
    manual: draft.manual,
    catchUp: draft.catchUp,
    limits: { uploadKiBs: rate("upload"), downloadKiBs: rate("download") },
  };
  if (!draft.manual) {
    candidate["cron"] = draft.cron;
    candidate["timeZone"] = draft.timeZone.trim();
    candidate["spreadMinutes"] = whole("spreadMinutes", 0);
  }
  if (draft.kind === "backup") {
    candidate["paths"] = linesOf(draft.paths);
    candidate["excludes"] = linesOf(draft.excludes);
    candidate["tags"] = wordsOf(draft.tags);
    if (!draft.fsSnapshot) candidate["fsSnapshot"] = false;
    candidate["retention"] = draft.retains ? { keep: keepOf(draft, whole), when: draft.retentionWhen } : null;
  }
  if (draft.kind === "check") {
    const readData: Record<string, unknown> = { mode: draft.readMode };
    if (draft.readMode === "percent") readData["percent"] = whole("readPercent");
    if (draft.readMode === "rotate") readData["days"] = whole("readDays");
    candidate["readData"] = readData;
  }

  const parsed = v.safeParse(scheduleInput, candidate);
  if (parsed.success && Object.keys(errors).length === 0) return { input: parsed.output, errors: null };
  for (const issue of parsed.issues ?? []) {
    const field = fieldOf(v.getDotPath(issue) ?? "");
    const given = issue.path?.at(-1);
    errors[field] ??=
      given?.type === "array" && typeof given.value === "string"
        ? itemError(given.value, issue.message)
        : sentence(`${SUBJECT[field] ?? ""}${WORDED[field] ?? issue.message}`);
  }
  return { input: null, errors };
}

/** Numbers whose schema says its bounds in the validator's own words only. */
const WORDED: DraftErrors = {
  spreadMinutes: "must be 0 to 1,440 minutes",
  readPercent: "must be a whole number from 1 to 100",
  readDays: "must be a whole number from 1 to 365",
};

/** What the messages of core/schedule are said of. */
const SUBJECT: DraftErrors = { cron: "The cron ", timeZone: "This " };

function itemError(item: string, message: string): string {
  const shown = literal(item.length > 60 ? `${item.slice(0, 60)}…` : item);
  return `“${shown}” ${message}.`;
}

/** The rules alone, for a preview of what they would drop; null while they are not worth one. */
export function readKeep(draft: ScheduleDraft): KeepPolicy | null {
  if (draft.kind !== "backup" || !draft.retains) return null;
  let readable = true;
  const whole = (field: (typeof KEEP_COUNTS)[number]) => {
    const typed = draft[field].trim();
    if (/^-?\d{1,15}$/.test(typed)) return Number(typed);
    readable &&= typed === "";
    return undefined;
  };
  const parsed = v.safeParse(keepPolicySchema, keepOf(draft, whole));
  return parsed.success && readable ? parsed.output : null;
}

function keepOf(draft: ScheduleDraft, whole: (field: (typeof KEEP_COUNTS)[number]) => number | undefined) {
  const keep: Record<string, unknown> = {};
  for (const rule of KEEP_COUNTS) keep[rule] = whole(rule);
  if (draft.within.trim() !== "") keep["within"] = draft.within.trim();
  const tags = wordsOf(draft.keepTags);
  if (tags.length > 0) keep["tags"] = tags;
  return Object.fromEntries(Object.entries(keep).filter(([, rule]) => rule !== undefined));
}

const FIELD_OF: Readonly<Record<string, DraftField>> = {
  "limits.uploadKiBs": "upload",
  "limits.downloadKiBs": "download",
  "retention.when": "retentionWhen",
  "retention.keep": "keep",
  "retention.keep.within": "within",
  "retention.keep.tags": "keepTags",
  "readData.percent": "readPercent",
  "readData.days": "readDays",
};

/** The editor's field that a path of the schedule's shape belongs to: `paths.3` is `paths`. */
export function fieldOf(path: string): DraftField {
  const known = Object.keys(FIELD_OF).findLast((each) => path === each || path.startsWith(`${each}.`));
  const rule = /^retention\.keep\.(\w+)$/.exec(path)?.[1];
  if (rule !== undefined && (KEEP_COUNTS as readonly string[]).includes(rule)) return rule as DraftField;
  return known === undefined ? (path.split(".")[0] as DraftField) : FIELD_OF[known]!;
}

// ---- what changed --------------------------------------------------------------------------------------------------

export interface DraftChange {
  label: string;
  /** Empty for lists, whose change is said in `after` alone. */
  before: string;
  after: string;
}

const onOff = (is: unknown) => (is === true ? "on" : "off");
const orNone = (text: string) => (text.trim() === "" ? "none" : text.trim());
const withUnit = (unit: string) => (text: string) => (text.trim() === "" ? "none" : `${text.trim()} ${unit}`);

const TEXTS: readonly (readonly [field: keyof ScheduleDraft, label: string, say: (text: string) => string])[] = [
  ["name", "Name", orNone],
  ["cron", "Cron", orNone],
  ["timeZone", "Zone", orNone],
  ["spreadMinutes", "Spread", withUnit("min")],
  ["catchUp", "Missed", (text) => (text === "once" ? "made up once" : "skipped")],
  ["tags", "Tags", orNone],
  ["last", "Last", orNone],
  ["hourly", "Hourly", orNone],
  ["daily", "Daily", orNone],
  ["weekly", "Weekly", orNone],
  ["monthly", "Monthly", orNone],
  ["yearly", "Yearly", orNone],
  ["within", "Within", orNone],
  ["keepTags", "Tagged", orNone],
  ["retentionWhen", "Applied", (text) => (text === "after_backup" ? "after each backup" : "by a forget schedule")],
  ["readMode", "Reads", (text) => ({ none: "no data", percent: "a part", rotate: "all in turn" })[text] ?? text],
  ["readPercent", "Part", withUnit("%")],
  ["readDays", "All within", withUnit("days")],
  ["upload", "Upload", withUnit("MiB/s")],
  ["download", "Download", withUnit("MiB/s")],
];
const RULES: ReadonlySet<string> = new Set([...KEEP_COUNTS, "within", "keepTags", "retentionWhen"]);
const TIMES: ReadonlySet<string> = new Set(["cron", "timeZone", "spreadMinutes", "catchUp"]);

/** What saving would change, in the order of the form; fields that are not in view do not count. */
export function changesOf(before: ScheduleDraft, after: ScheduleDraft): DraftChange[] {
  const changes: DraftChange[] = [];
  const add = (label: string, from: string, to: string) => {
    if (from !== to) changes.push({ label, before: from, after: to });
  };
  add("Schedule", onOff(before.enabled), onOff(after.enabled));
  add("Only when run by hand", onOff(before.manual), onOff(after.manual));
  for (const [field, label] of [
    ["paths", "Paths"],
    ["excludes", "Left out"],
  ] as const) {
    const [from, to] = [new Set(linesOf(before[field])), new Set(linesOf(after[field]))];
    const [added, removed] = [[...to].filter((x) => !from.has(x)).length, [...from].filter((x) => !to.has(x)).length];
    const said = [added > 0 ? `${added} added` : "", removed > 0 ? `${removed} removed` : ""].filter(Boolean);
    add(label, "", said.join(", "));
  }
  add("Volume shadow copy", onOff(before.fsSnapshot), onOff(after.fsSnapshot));
  add("Snapshots", before.retains ? "by the rules" : "all kept", after.retains ? "by the rules" : "all kept");
  for (const [field, label, say] of TEXTS) {
    if (RULES.has(field) && !after.retains) continue;
    if (TIMES.has(field) && after.manual) continue;
    if (field === "readPercent" && after.readMode !== "percent") continue;
    if (field === "readDays" && after.readMode !== "rotate") continue;
    add(label, say(String(before[field])), say(String(after[field])));
  }
  return changes;
}
