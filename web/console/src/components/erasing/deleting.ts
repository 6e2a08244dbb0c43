import { deleteRecording, restoreRecording } from "../../api/keeping";
import type { RecordingItem } from "../../api/types";
import { formatDate } from "../../lib/format";
import { notify } from "../../lib/notices";
import { queryClient } from "../../queryClient";
import { explain } from "../States";

interface Deletable {
  id: string;
  subject: Pick<RecordingItem["subject"], "label">;
}

/** Lists of recordings and the bin are read anew; a recording that was asked for and is another now, too. */
async function changed(id: string): Promise<void> {
  await Promise.all(
    [["recordings"], ["deletions"], ["recording", id]].map((queryKey) =>
      queryClient.invalidateQueries({ queryKey }),
    ),
  );
}

/** Puts a recording into the bin and offers the way back. It asks nothing before, because it can be undone. */
export async function deleteWithUndo(recording: Deletable): Promise<boolean> {
  const of = recording.subject.label;
  try {
    const { restorable_until } = await deleteRecording(recording.id);
    notify(`The recording of ${of} is in the recycle bin until ${formatDate(restorable_until)}.`, {
      undo: () => void restoreFromBin(recording),
    });
  } catch (error) {
    notify(`The recording of ${of} was not deleted. ${explain(error).lines.join(" ")}`, { failed: true });
    return false;
  }
  await changed(recording.id);
  return true;
}

/** Brings a recording back as it was. */
export async function restoreFromBin(recording: Deletable): Promise<boolean> {
  const of = recording.subject.label;
  try {
    await restoreRecording(recording.id);
    notify(`The recording of ${of} is back, as it was.`);
  } catch (error) {
    notify(`The recording of ${of} was not restored. ${explain(error).lines.join(" ")}`, { failed: true });
    return false;
  } finally {
    await changed(recording.id);
  }
  return true;
}
