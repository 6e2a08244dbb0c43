/** Lanes of a screen's recording: its picture and its sound. Runs of the browser stand in one lane, one after another. */
import type { Recording, Track } from "../../api/types";
import { Panes } from "../../components/Panes";
import { panesOf } from "../../components/timeline/scale";
import type { TimelineLane } from "../../components/timeline/Timeline";
import { formatCount, plural, timeLeft } from "../../lib/format";
import { Amounts, COUNT, type LaneOf } from "../lanes";
import { type Peaks, waveform } from "./peaks";
import { videosOf } from "./stretches";

/** Bars of a waveform: as many as are told apart. */
const COLUMNS = 480;

export function screenLanes(of: LaneOf, sound: boolean, peaks: readonly Peaks[]): TimelineLane[] {
  const heard = of.recording.tracks.filter(({ kind, segments }) => kind === "audio" && segments.length > 0);
  const picture = pictureLane(of, videosOf(of.recording));
  return heard.length === 0 ? [picture] : [picture, soundLane(of, heard, sound, peaks)];
}

function pictureLane(of: LaneOf, tracks: readonly Track[]): TimelineLane {
  const { open, recording } = of;
  const segments = tracks.reduce((sum, track) => sum + track.segments.length, 0);
  const runs = tracks.length > 1 ? `, ${plural(tracks.length, "run")} of the browser` : "";
  return {
    id: "picture",
    icon: "screen",
    name: "Screen",
    count: formatCount(segments),
    left: keptFor(tracks, of),
    state: open ? "open" : "sealed",
    label: `${plural(segments, "segment")}${runs}.`,
    height: "m",
    children: open ? (
      <Amounts recording={recording} tracks={tracks} />
    ) : (
      <CoarseRuns recording={recording} tracks={tracks} />
    ),
  };
}

function soundLane(
  of: LaneOf,
  tracks: readonly Track[],
  sound: boolean,
  peaks: readonly Peaks[],
): TimelineLane {
  const { open, recording } = of;
  const isOpen = open && sound;
  const isDecoded = peaks.some(({ highest }) => highest.length > 0);
  return {
    id: "sound",
    icon: "sound",
    name: "Sound",
    count: isOpen ? "" : "sealed",
    left: keptFor(tracks, of),
    state: isOpen ? "open" : "sealed",
    label: isOpen ? "Open. Its bars are how loud it is." : "Sealed until somebody turns the sound on.",
    height: "m",
    children:
      isOpen && isDecoded ? (
        <svg className="hist wave" viewBox="0 0 1000 27" preserveAspectRatio="none" aria-hidden="true">
          <path d={waveform(peaks, recording.duration_us, COLUMNS, 27)} />
        </svg>
      ) : (
        <CoarseRuns recording={recording} tracks={tracks} />
      ),
  };
}

/** Tracks of one recording may be kept for different times. */
function keptFor(tracks: readonly Track[], { days, now }: LaneOf): string {
  const until = tracks[0]?.kept_until;
  return until ? timeLeft(until, now).text : days;
}

/** What is known of several runs without opening them. */
function CoarseRuns({ recording, tracks }: { recording: Recording; tracks: readonly Track[] }) {
  const panes = panesOf({
    segments: tracks.flatMap((track) => track.segments).sort((a, b) => a.start_us - b.start_us),
    gaps: tracks.flatMap((track) => track.gaps),
    durationUs: recording.duration_us,
    count: COUNT,
  });
  return <Panes className="coarse" states={panes.map((pane) => (pane === "gap" ? "none" : pane))} />;
}
