/**
 * What the API sends, as schemas: everything that enters is parsed before it is believed.
 * Times are RFC 3339 in UTC with microseconds; `_us` are microseconds from a recording's start.
 */
import * as v from "valibot";
import { rowsOf, spread } from "./rows";

const count = v.pipe(v.number(), v.minValue(0));
const name = v.string();
const nullable = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);

export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.nullable(v.string()), null),
  what_to_do: v.optional(v.nullable(v.string()), null),
  request_id: v.optional(v.nullable(v.string()), null),
  rule: v.optional(v.nullable(v.string()), null),
  entry: v.optional(v.nullable(v.number()), null),
  errors: v.optional(v.array(v.object({ path: v.string(), message: v.string() })), []),
});
export type Problem = v.InferOutput<typeof Problem>;

/** The version of a picture, where somebody has one that may be shown. */
const picture = v.optional(v.nullable(v.number()));

export const PersonRef = v.object({ id: v.string(), name, initials: v.string(), picture });
export type PersonRef = v.InferOutput<typeof PersonRef>;

export const Session = v.object({
  person: v.object({
    id: v.string(),
    name,
    email: v.string(),
    initials: v.string(),
    picture,
    role: v.string(),
  }),
  organisation: v.object({
    id: v.string(),
    name,
    region: v.string(),
    /** When everything of it is erased, where it is closing. */
    closes_at: v.nullable(v.string()),
  }),
  allowed: v.array(v.string()),
  content_origin: v.string(),
  expires_at: v.string(),
  /** True where it may do nothing but set up a second factor. */
  must_enrol: v.boolean(),
  /** Grants that let somebody from outside in now, of those that whoever asks may see. */
  support_running: count,
});
export type Session = v.InferOutput<typeof Session>;

/** A password or a link was right, and a code is asked for too. The token opens nothing by itself. */
export const FactorNeeded = v.object({ token: v.string(), expires_at: v.string() });
export type FactorNeeded = v.InferOutput<typeof FactorNeeded>;
export const SignInAnswer = v.union([Session, FactorNeeded]);
export type SignInAnswer = v.InferOutput<typeof SignInAnswer>;

export const Factor = v.object({ since: nullable(v.string()), recovery_codes: count });
/** Told once: what an authenticator app is given. `qr` is a picture, SVG. */
export const Enrolment = v.object({ secret: v.string(), uri: v.string(), qr: v.string() });
export type Enrolment = v.InferOutput<typeof Enrolment>;
export const RecoveryCodes = v.object({ recovery_codes: v.array(v.string()) });

export const SignedInSession = v.object({
  id: v.string(),
  created_at: v.string(),
  last_used_at: v.string(),
  expires_at: v.string(),
  current: v.boolean(),
  user_agent: v.string(),
  /** What the browser is called, as blocks call it. */
  device: nullable(v.string()),
});
export type SignedInSession = v.InferOutput<typeof SignedInSession>;

export const Pane = v.picklist(["a0", "a1", "a2", "a3", "a4", "gap", "cut", "now", "none"]);
export type Pane = v.InferOutput<typeof Pane>;

/** The address of a picture of a recording. It opens for whoever was given it, for ten minutes. */
export const Preview = v.object({ url: v.string(), width: count, height: count });
export type Preview = v.InferOutput<typeof Preview>;
export const PreviewState = v.picklist(["none", "waiting", "made", "failed", "unavailable"]);
export type PreviewState = v.InferOutput<typeof PreviewState>;

export const RecordingItem = v.object({
  id: v.string(),
  source: v.string(),
  state: v.string(),
  started_at: v.string(),
  ended_at: nullable(v.string()),
  duration_us: count,
  size_bytes: count,
  segments: count,
  site: nullable(v.object({ id: v.string(), name })),
  subject: v.object({ id: v.string(), label: v.string(), person: v.optional(nullable(v.string())) }),
  summary: nullable(
    v.object({
      title: nullable(v.string()),
      url: nullable(v.string()),
      pages: count,
      clicks: count,
      inputs: count,
      errors: count,
    }),
  ),
  panes: v.array(Pane),
  kept_until: nullable(v.string()),
  viewers: v.array(PersonRef),
  live: v.boolean(),
  preview: v.optional(nullable(Preview)),
  /** How far the pictures of a screen are; null where it is none. */
  preview_state: v.optional(nullable(PreviewState)),
  preview_why: v.optional(nullable(v.string())),
});
export type RecordingItem = v.InferOutput<typeof RecordingItem>;

export const RecordingList = v.object({
  items: v.array(RecordingItem),
  next_cursor: nullable(v.string()),
  /** The entry of the audit log this answer stands on. */
  entry: v.number(),
});
export type RecordingList = v.InferOutput<typeof RecordingList>;

export const GapReason = v.picklist([
  "missing",
  "url_denied",
  "discarded",
  "paused",
  "hidden",
  "policy_stale",
  "quota",
  "stopped",
  "erased",
  "oversized",
  "damaged",
  "lost",
  "discarded",
  /** Said by no server: the time between two runs of a browser, which nothing was captured of. */
  "off",
]);
export type GapReason = v.InferOutput<typeof GapReason>;

export const Gap = v.object({ from_us: count, to_us: count, reason: GapReason });
export type Gap = v.InferOutput<typeof Gap>;

export const SegmentItem = v.object({
  sequence: count,
  start_us: count,
  duration_us: count,
  size_bytes: count,
  keyframe: v.boolean(),
  received_at: v.optional(v.string()),
});
export type SegmentItem = v.InferOutput<typeof SegmentItem>;

export const Track = v.object({
  id: v.string(),
  kind: v.string(),
  writer: v.string(),
  state: v.string(),
  retention_class: nullable(v.string()),
  kept_until: nullable(v.string()),
  key_id: nullable(v.string()),
  segments: v.array(SegmentItem),
  gaps: v.array(Gap),
});
export type Track = v.InferOutput<typeof Track>;

export const Viewer = v.object({
  play: v.string(),
  person: PersonRef,
  started_at: v.string(),
  ended_at: nullable(v.string()),
  reason: nullable(v.string()),
  entry: v.number(),
  ranges: v.array(v.object({ from_us: count, to_us: count })),
  watched_us: count,
  /** Whether it left as a file, rather than was watched here. */
  copied: v.optional(v.boolean()),
});
export type Viewer = v.InferOutput<typeof Viewer>;

export const Recording = v.object({
  ...RecordingItem.entries,
  viewers: v.array(Viewer),
  tracks: v.array(Track),
  policy_version: nullable(v.number()),
  sealed_keys: count,
  region: v.string(),
  /** Whether whoever asks may take it along as a file. */
  may_export: v.optional(v.boolean()),
  export: v.optional(nullable(v.picklist(["ready", "ffmpeg-missing"]))),
});
export type Recording = v.InferOutput<typeof Recording>;

export const AuditItem = v.object({
  number: v.number(),
  time: v.string(),
  action: v.string(),
  class_uid: nullable(v.number()),
  activity_id: nullable(v.number()),
  outcome: v.string(),
  rule: nullable(v.string()),
  actor: v.object({ kind: v.string(), id: nullable(v.string()), name: nullable(v.string()) }),
  object: nullable(
    v.object({ kind: v.string(), id: nullable(v.string()), label: v.optional(v.nullable(v.string()), null) }),
  ),
  detail: nullable(v.string()),
  reason: nullable(v.string()),
  /** Where its words do not open any more: `forgotten`, or `lost`. */
  words: nullable(v.string()),
  /** The entry that says that they were forgotten. */
  forgotten_by: nullable(count),
  previous_hash: v.string(),
  hash: v.string(),
  request_id: nullable(v.string()),
});
export type AuditItem = v.InferOutput<typeof AuditItem>;

const ChainHead = v.object({ number: v.number(), hash: v.string() });

export const AuditList = v.object({
  items: v.array(AuditItem),
  next_cursor: nullable(v.string()),
  head: ChainHead,
});
export type AuditList = v.InferOutput<typeof AuditList>;

export const AuditCheck = v.object({
  checked: count,
  intact: v.boolean(),
  head: ChainHead,
  first_break: nullable(v.number()),
});
export type AuditCheck = v.InferOutput<typeof AuditCheck>;

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const SettingPlace = v.object({ level: v.string(), id: nullable(v.string()) });
export const SettingStep = v.object({
  place: SettingPlace,
  value: v.unknown(),
  lock: nullable(v.string()),
  outcome: v.string(),
  after: v.unknown(),
  version: nullable(v.number()),
  set_at: nullable(v.string()),
  set_by: nullable(PersonRef),
  reason: nullable(v.string()),
});
export type SettingStep = v.InferOutput<typeof SettingStep>;
export const SettingItem = v.object({
  name,
  note: v.string(),
  kind: v.string(),
  /** Which values it has, in words. */
  values: v.string(),
  words: nullable(v.array(v.string())),
  default: v.unknown(),
  levels: v.array(v.string()),
  strict: nullable(v.string()),
  locks: v.array(v.string()),
  value: v.unknown(),
  /** Something on the way could not be read, so that what is safe holds. */
  doubtful: v.boolean(),
  steps: v.array(SettingStep),
});
export type SettingItem = v.InferOutput<typeof SettingItem>;
export const SettingList = v.object({ version: v.number(), items: v.array(SettingItem) });
export const SettingsVersion = v.object({ version: v.number() });
export const PastSaying = v.object({
  version: v.number(),
  place: SettingPlace,
  value: v.unknown(),
  readable: v.boolean(),
  set_at: v.string(),
  set_by: nullable(PersonRef),
  reason: nullable(v.string()),
});
export const SettingHistory = v.object({ items: v.array(PastSaying) });
export const Effects = v.object({
  loosens: v.boolean(),
  items: v.array(
    v.object({
      place: SettingPlace,
      name,
      before: v.unknown(),
      after: v.unknown(),
      looser: v.boolean(),
    }),
  ),
});
export type Effects = v.InferOutput<typeof Effects>;

/** A recording that shows whoever asks, with everybody who looked at it. */
export const MyRecording = v.object({
  ...RecordingItem.entries,
  viewers: v.array(Viewer),
  /** Of what was deleted: until when it can be restored. */
  restorable_until: nullable(v.string()),
});
export type MyRecording = v.InferOutput<typeof MyRecording>;
export const MyData = v.object({
  recordings: v.array(MyRecording),
  /** Attempts at them that were refused. */
  refused: v.array(AuditItem),
  next_cursor: nullable(v.string()),
  entry: v.number(),
});
export type MyData = v.InferOutput<typeof MyData>;

export const LedgerInclusion = v.object({
  leaf: count,
  hash,
  salt: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  path: v.array(hash),
});
export const LedgerProofs = v.object({
  checkpoint: v.string(),
  key: v.string(),
  size: count,
  consistency: nullable(v.array(hash)),
  inclusion: nullable(LedgerInclusion),
});
export type LedgerProofs = v.InferOutput<typeof LedgerProofs>;

export const Site = v.object({
  id: v.string(),
  name,
  origins: v.array(v.string()),
  site_key: v.string(),
  policy_version: v.number(),
  policy_key: v.string(),
  snippet: v.string(),
  created_at: v.string(),
  first_event_at: nullable(v.string()),
  last_event_at: nullable(v.string()),
  recordings: count,
});
export type Site = v.InferOutput<typeof Site>;
export const SiteList = v.object({
  items: v.array(Site),
  next_cursor: v.optional(v.nullable(v.string()), null),
});

export const Receipt = v.object({
  n: v.number(),
  at: v.string(),
  recording: v.string(),
  sequence: v.number(),
  bytes_in: count,
  bytes_stored: count,
  /** The object the bytes lie in: `log/…` or `objects/…`. */
  stored_as: v.string(),
});
export type Receipt = v.InferOutput<typeof Receipt>;
export const ReceiptList = v.object({ items: v.array(Receipt), latest: v.number() });

export const PolicyDocument = v.object({
  preset: v.string(),
  media: v.picklist(["blocked", "allowed"]),
  exclude: v.array(v.string()),
  mask: v.array(v.string()),
  unmask: v.array(v.string()),
  urls: v.object({ deny: v.array(v.string()), allow: v.array(v.string()) }),
});
export type PolicyDocument = v.InferOutput<typeof PolicyDocument>;

export const SignedPolicy = v.object({
  version: v.number(),
  document: v.string(),
  signature: v.string(),
  key: v.string(),
  issued_at: v.string(),
  expires_at: v.string(),
});
export type SignedPolicy = v.InferOutput<typeof SignedPolicy>;

export const PolicyVersion = v.object({
  version: v.number(),
  signed_at: v.string(),
  /** Null where a program signed it: the version a site begins with. */
  signed_by: nullable(v.object({ id: v.string(), name })),
  direction: v.picklist(["tighter", "looser", "mixed", "first", "same"]),
  changes: v.array(v.string()),
});
export type PolicyVersion = v.InferOutput<typeof PolicyVersion>;

export const SitePolicy = v.object({ current: SignedPolicy, versions: v.array(PolicyVersion) });
export type SitePolicy = v.InferOutput<typeof SitePolicy>;

export const PolicyCheck = v.object({
  /** Null where the draft is not valid. */
  direction: nullable(v.string()),
  changes: v.array(v.object({ kind: v.picklist(["add", "remove", "change"]), text: v.string() })),
  errors: v.array(v.object({ path: v.string(), message: v.string() })),
});
export type PolicyCheck = v.InferOutput<typeof PolicyCheck>;

export const InsideSegment = v.object({
  sequence: count,
  object: v.string(),
  offset: count,
  length: count,
  ciphertext_sha256: v.string(),
  stored_as: v.string(),
});

export const Inside = v.object({
  recording: v.string(),
  organisation_key: v.string(),
  tracks: v.array(
    v.object({
      id: v.string(),
      key: v.object({
        id: v.string(),
        parent: v.pipe(
          nullable(v.string()),
          v.transform((key) => key ?? "no key above it"),
        ),
        shard: v.string(),
        shard_version: v.number(),
        page: v.string(),
        epoch: v.number(),
      }),
      segments: v.array(InsideSegment),
    }),
  ),
  entries: v.array(AuditItem),
  data_directory: v.string(),
});
export type Inside = v.InferOutput<typeof Inside>;

export const InsideBytes = v.object({
  object: v.string(),
  offset: count,
  length: count,
  header: v.object({ salt: v.string(), nonce_prefix: v.string(), header_length: v.number() }),
  first_bytes_hex: v.string(),
  ciphertext_sha256: v.string(),
  sealed_with: v.string(),
  associated_data_hex: v.string(),
});
export type InsideBytes = v.InferOutput<typeof InsideBytes>;

export const Finding = v.object({
  id: v.string(),
  level: v.picklist(["ok", "attention", "failed"]),
  sentence: v.string(),
  what_to_do: nullable(v.string()),
});
export type Finding = v.InferOutput<typeof Finding>;
export const Person = v.object({
  id: v.string(),
  /** Whom recordings about them are about. */
  subject: v.string(),
  name,
  initials: v.string(),
  picture,
  email: v.string(),
  role: v.string(),
  also: v.array(v.string()),
  state: v.string(),
  blocked_until: nullable(v.string()),
  team: nullable(v.string()),
  manager: nullable(v.string()),
  created_at: v.string(),
});
export type Person = v.InferOutput<typeof Person>;
export const PersonList = v.pipe(
  v.object({ items: rowsOf(Person), next_cursor: nullable(v.string()), entry: v.number() }),
  v.transform(spread),
);
const ReportingLine = v.object({
  manager: v.string(),
  since: v.string(),
  ended_at: nullable(v.string()),
});
export const Block = v.object({
  id: v.string(),
  session: nullable(v.string()),
  reason: v.string(),
  set_by: nullable(v.string()),
  since: v.string(),
  ends_at: v.string(),
});
export type Block = v.InferOutput<typeof Block>;
export const PersonInFull = v.object({
  ...Person.entries,
  reporting_lines: v.array(ReportingLine),
  blocks: v.array(Block),
});
export type PersonInFull = v.InferOutput<typeof PersonInFull>;
/** The link is told once, where no mail takes it to them. */
export const Invitee = v.object({ person: Person, expires_at: v.string(), link: nullable(v.string()) });
export type Invitee = v.InferOutput<typeof Invitee>;

export const TreeNode = v.object({
  id: v.string(),
  kind: v.picklist(["domain", "project", "team"]),
  parent: nullable(v.string()),
  name,
});
export type TreeNode = v.InferOutput<typeof TreeNode>;
export const Tree = v.object({ items: v.array(TreeNode) });

/** Ed25519 over the line `clerestory erasure receipt 1` and then the text, byte for byte as it stands. */
export const ErasureReceipt = v.object({ text: v.string(), signature: v.string(), key: v.string() });
export type ErasureReceipt = v.InferOutput<typeof ErasureReceipt>;

export const Erasure = v.object({
  id: v.string(),
  kind: v.string(),
  /** Of a range the recording's. */
  target: v.string(),
  state: v.string(),
  /** How many keys and objects there are of it, and how many of them are gone. */
  progress: v.object({
    tracks: count,
    keys: count,
    keys_destroyed: count,
    objects: count,
    objects_gone: count,
  }),
  waits_for: nullable(v.string()),
  entry: v.number(),
  asked_at: v.string(),
  destroyed_at: nullable(v.string()),
  verified_at: nullable(v.string()),
  unreadable_in_every_copy_since: nullable(v.string()),
  receipt: nullable(ErasureReceipt),
});
export type Erasure = v.InferOutput<typeof Erasure>;
export const ErasureList = v.object({ items: v.array(Erasure), next_cursor: nullable(v.string()) });

/** What somebody asked for about their own data. */
export const DataRequest = v.object({
  id: v.string(),
  /** `access`, `export`, `erase` or `erase_recordings`. */
  kind: v.string(),
  /** `open`, `done`, `declined` or `withdrawn`. */
  state: v.string(),
  about: v.object({ id: v.string(), label: v.string(), person: nullable(v.string()) }),
  asked_by: PersonRef,
  asked_at: v.string(),
  due_at: v.string(),
  overdue: v.boolean(),
  words: nullable(v.string()),
  extended_at: nullable(v.string()),
  extension_reason: nullable(v.string()),
  decided_by: nullable(PersonRef),
  decided_at: nullable(v.string()),
  answer: nullable(v.string()),
  available_until: nullable(v.string()),
  /** Whether whom it is about can sign in and fetch it; else somebody hands it on. */
  theirs_alone: v.boolean(),
  erasure: nullable(v.object({ id: v.string(), state: v.string(), means: v.string() })),
});
export type DataRequest = v.InferOutput<typeof DataRequest>;
export const DataRequestList = v.object({ items: v.array(DataRequest) });

export const FindingList = v.object({ items: v.array(Finding) });
export const SignedInSessionList = v.object({ items: v.array(SignedInSession) });
/** Somebody's asking to watch, which somebody else answers. */
export const AskedView = v.object({
  id: v.string(),
  recording: v.string(),
  asked_at: v.string(),
  ends_at: v.string(),
});
export const View = v.object({
  id: v.string(),
  recording: v.string(),
  about: nullable(v.object({ id: v.string(), label: v.string() })),
  began_at: nullable(v.string()),
  person: PersonRef,
  reason: nullable(v.string()),
  asked_at: v.string(),
  ends_at: v.string(),
  state: v.picklist(["waiting", "allowed", "refused", "over"]),
  answered_by: nullable(PersonRef),
  entry: v.number(),
});
export type View = v.InferOutput<typeof View>;
export const ViewList = v.object({ items: v.array(View) });

export const ViewerList = v.object({ items: v.array(Viewer) });

export const ImportResult = v.object({
  recording: v.string(),
  events: count,
  dropped: v.array(v.object({ reason: v.string(), count })),
});
export type ImportResult = v.InferOutput<typeof ImportResult>;
