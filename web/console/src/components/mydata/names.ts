import type { MyRecording } from "../../api/types";
import { whereLine } from "../../lib/recording";

/** What a recording is called on one's own page: its title, or where it was made. */
export function nameOf(recording: MyRecording): string {
  const title = recording.summary?.title;
  // Masked by the policy: five bullets name nothing.
  return title && !title.includes("\u2022") ? title : whereLine(recording);
}
