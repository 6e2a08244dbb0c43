/** Whether there is anything to do about what earlier runs left, without opening the recorder to find out. */
import { mayGoOn } from "../send/uploader";
import { isRun, RUN_FILE, RUNS } from "./spool";

export async function leftAnything(): Promise<boolean> {
  try {
    const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle(RUNS);
    for await (const run of runs.values()) {
      if (run.kind === "directory" && (await isUnfinished(run as FileSystemDirectoryHandle))) return true;
    }
  } catch (error) {
    // Nothing was ever recorded here.
    if (error instanceof DOMException && error.name === "NotFoundError") return false;
    throw error;
  }
  return false;
}

/** A run that was cut off and of which all is sent only waits for another to go on in its recording. */
async function isUnfinished(folder: FileSystemDirectoryHandle): Promise<boolean> {
  for await (const name of folder.keys()) if (name !== RUN_FILE) return true;
  const file = await (await folder.getFileHandle(RUN_FILE)).getFile();
  const run: unknown = JSON.parse(await file.text());
  return isRun(run) && (!mayGoOn(run) || run.discarded.length > 0);
}
