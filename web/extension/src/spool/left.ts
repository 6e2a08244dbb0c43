/** Whether there is anything to do about what earlier runs left, without opening the recorder to find out. */
import { mayGoOn, mayTakeBack } from "../send/uploader";
import { RUN_FILE, RUNS, readRun } from "./spool";

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

/** Of a run of which all is sent nothing is to be done while another may go on in it, or its person take times back. */
async function isUnfinished(folder: FileSystemDirectoryHandle): Promise<boolean> {
  let hasRun = false;
  for await (const name of folder.keys()) {
    if (name !== RUN_FILE) return true;
    hasRun = true;
  }
  // A folder in which nothing was ever written, or of which all is gone.
  if (!hasRun) return false;
  const file = await (await folder.getFileHandle(RUN_FILE)).getFile();
  const run = readRun(await file.text());
  // One that cannot be read is put away by whoever opens it.
  return run === null || run.discarded.length > 0 || !(mayGoOn(run) || mayTakeBack(run));
}
