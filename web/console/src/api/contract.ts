/**
 * What the generated description of the API (`schema.d.ts`, by `npm run api`) holds the console to. All of it is
 * types: an address, a method or a field that the server no longer has does not compile.
 */
import type * as v from "valibot";
import type * as b from "./blocks";
import type * as c from "./coaching";
import type * as e from "./erasing";
import type * as k from "./keeping";
import type * as a from "./keys";
import type * as d from "./recorders";
import type * as r from "./roles";
import type { components, paths } from "./schema";
import type * as s from "./support";
import type * as t from "./types";

type Filled<P> = P extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${Filled<After>}`
  : P;
type Within<P> = P extends `/api/v1${infer Rest}` ? Rest : never;

type Offering<M extends string> = {
  [P in keyof paths]: paths[P] extends Record<M, infer Operation>
    ? [Operation] extends [never | undefined]
      ? never
      : P
    : never;
}[keyof paths];

/** The addresses, filled in, that offer a method: `/recordings/rec_…` for GET. */
export type PathFor<M extends string> = Filled<Within<Offering<Lowercase<M>>>>;

type Described = components["schemas"];
type Read<S extends v.GenericSchema> = v.InferInput<S>;

/** The fields the console reads that the server does not describe. Has to be never. */
type Missing<S extends v.GenericSchema, D> = Exclude<keyof Read<S>, keyof D>;

type None<T extends never> = T;

/** One line for each answer: the schema that reads it beside the description of it. */
export type Drift = None<
  | Missing<typeof t.Problem, Described["Problem"]>
  | Missing<typeof t.PersonRef, Described["PersonRef"]>
  | Missing<typeof t.Session, Described["Session"]>
  | Missing<typeof t.FactorNeeded, Described["FactorNeeded"]>
  | Missing<typeof t.Factor, Described["Factor"]>
  | Missing<typeof t.Enrolment, Described["Enrolment"]>
  | Missing<typeof t.RecoveryCodes, Described["RecoveryCodes"]>
  | Missing<typeof t.SignedInSession, Described["SessionItem"]>
  | Missing<typeof t.RecordingItem, Described["RecordingItem"]>
  | Missing<typeof t.RecordingList, Described["RecordingList"]>
  | Missing<typeof t.Recording, Described["Recording"]>
  | Missing<typeof t.Gap, Described["Gap"]>
  | Missing<typeof t.SegmentItem, Described["SegmentItem"]>
  | Missing<typeof t.Track, Described["Track"]>
  | Missing<typeof t.Viewer, Described["Viewer"]>
  | Missing<typeof c.Comment, Described["Comment"]>
  | Missing<typeof c.CommentList, Described["Comments"]>
  | Missing<typeof c.Clip, Described["Clip"]>
  | Missing<typeof c.ClipList, Described["Clips"]>
  | Missing<typeof c.PlayedClip, Described["PlayedClip"]>
  | Missing<typeof c.Playlist, Described["Playlist"]>
  | Missing<typeof c.PlaylistItem, Described["PlaylistItem"]>
  | Missing<typeof c.PlaylistLine, Described["PlaylistSummary"]>
  | Missing<typeof c.PlaylistList, Described["Playlists"]>
  | Missing<typeof c.Review, Described["Review"]>
  | Missing<typeof c.ReviewList, Described["Reviews"]>
  | Missing<typeof c.Calendar, Described["Calendar"]>
  | Missing<typeof c.CalendarDay, Described["CalendarDay"]>
  | Missing<typeof r.Role, Described["Role"]>
  | Missing<typeof r.RoleList, Described["Roles"]>
  | Missing<typeof r.Right, Described["Right"]>
  | Missing<typeof t.AskedView, Described["AskedView"]>
  | Missing<typeof t.View, Described["View"]>
  | Missing<typeof t.ViewList, Described["Views"]>
  | Missing<typeof t.AuditItem, Described["AuditItem"]>
  | Missing<typeof t.AuditList, Described["AuditList"]>
  | Missing<typeof t.AuditCheck, Described["Verified"]>
  | Missing<typeof t.LedgerProofs, Described["LedgerProofs"]>
  | Missing<typeof t.LedgerInclusion, Described["LedgerInclusion"]>
  | Missing<typeof t.Site, Described["Site"]>
  | Missing<typeof t.Receipt, Described["Receipt"]>
  | Missing<typeof t.SignedPolicy, Described["Signed"]>
  | Missing<typeof t.PolicyVersion, Described["Version"]>
  | Missing<typeof t.PolicyCheck, Described["Checked"]>
  | Missing<typeof t.Inside, Described["Inside"]>
  | Missing<typeof t.InsideSegment, Described["InsideSegment"]>
  | Missing<typeof t.InsideBytes, Described["InsideBytes"]>
  | Missing<typeof t.Person, Described["Person"]>
  | Missing<typeof t.PersonList, Described["PersonList"]>
  | Missing<typeof t.PersonInFull, Described["PersonInFull"]>
  | Missing<typeof t.Block, Described["Block"]>
  | Missing<typeof t.Invitee, Described["Invitee"]>
  | Missing<typeof t.TreeNode, Described["Node"]>
  | Missing<typeof t.Tree, Described["Tree"]>
  | Missing<typeof t.SettingItem, Described["SettingItem"]>
  | Missing<typeof t.SettingStep, Described["SettingStep"]>
  | Missing<typeof t.SettingList, Described["SettingList"]>
  | Missing<typeof t.SettingsVersion, Described["SettingsVersion"]>
  | Missing<typeof t.PastSaying, Described["PastSaying"]>
  | Missing<typeof t.SettingHistory, Described["SettingHistory"]>
  | Missing<typeof t.Effects, Described["SettingEffects"]>
  | Missing<typeof t.MyRecording, Described["MyRecording"]>
  | Missing<typeof t.MyData, Described["MyData"]>
  | Missing<typeof t.Erasure, Described["Erasure"]>
  | Missing<typeof t.ErasureList, Described["ErasureList"]>
  | Missing<typeof t.ErasureReceipt, Described["ErasureReceipt"]>
  | Missing<typeof t.DataRequest, Described["Request"]>
  | Missing<typeof t.DataRequestList, Described["RequestList"]>
  | Missing<typeof k.BinItem, Described["BinItem"]>
  | Missing<typeof k.Bin, Described["Bin"]>
  | Missing<typeof k.Deletion, Described["Deletion"]>
  | Missing<typeof k.Sweeping, Described["Sweeping"]>
  | Missing<typeof k.RetentionPreview, Described["RetentionPreview"]>
  | Missing<typeof k.PreviewList, Described["PreviewList"]>
  | Missing<typeof e.AskedErasure, Described["AskedErasure"]>
  | Missing<typeof e.Proposal, Described["ErasureProposal"]>
  | Missing<typeof e.ProposalList, Described["ErasureProposalList"]>
  | Missing<typeof k.Hold, Described["Hold"]>
  | Missing<typeof k.HoldList, Described["HoldList"]>
  | Missing<typeof a.KeyItem, Described["KeyItem"]>
  | Missing<typeof a.KeyList, Described["KeyList"]>
  | Missing<typeof a.MadeKey, Described["MadeKey"]>
  | Missing<typeof d.RecorderItem, Described["RecorderItem"]>
  | Missing<typeof d.RecorderList, Described["RecorderList"]>
  | Missing<typeof d.RecorderCode, Described["RecorderCode"]>
  | Missing<typeof s.SupportItem, Described["SupportItem"]>
  | Missing<typeof s.SupportList, Described["SupportList"]>
  | Missing<typeof s.SupportActs, Described["SupportActs"]>
  | Missing<typeof s.MadeSupport, Described["MadeSupportGrant"]>
  | Missing<typeof b.PlaceBlock, Described["PlaceBlock"]>
  | Missing<typeof b.PlaceBlockList, Described["PlaceBlockList"]>
  | Missing<typeof b.SetBlock, Described["SetBlock"]>
  | Missing<typeof b.Device, Described["Device"]>
  | Missing<typeof b.DeviceList, Described["DeviceList"]>
  | Missing<typeof t.Finding, Described["FindingItem"]>
  | Missing<typeof t.ImportResult, Described["Imported"]>
>;
