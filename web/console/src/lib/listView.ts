import { useState } from "react";
import * as v from "valibot";

/** How recordings are shown: rows, or pictures. */
const ListLook = v.picklist(["rows", "gallery"]);
export type ListLook = v.InferOutput<typeof ListLook>;

const KEY = "clerestory.recordings";

/** What somebody chose in this browser; rows where nothing was chosen or it may not remember. */
export function chosenLook(): ListLook {
  try {
    const parsed = v.safeParse(ListLook, localStorage.getItem(KEY));
    return parsed.success ? parsed.output : "rows";
  } catch {
    return "rows";
  }
}

export function useLook(): [ListLook, (look: ListLook) => void] {
  const [look, setLook] = useState(chosenLook);
  const choose = (next: ListLook) => {
    setLook(next);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // It holds for this page, then.
    }
  };
  return [look, choose];
}
