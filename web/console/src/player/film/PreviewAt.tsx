import { useEffect, useState } from "react";
import type { Play } from "../api";

/** Somebody who moves across the scale does not ask for every picture on the way. */
const RESTS_MS = 60;

/** The last preview that is not later than a moment; the first one before that. */
export function previewAt(previews: Play["previews"], atMs: number): Play["previews"][number] | null {
  return previews.findLast(({ at_ms }) => at_ms <= atMs) ?? previews[0] ?? null;
}

/** What the screen showed about then, small. It has its size before it comes. */
export function PreviewAt({ previews, atUs }: { previews: Play["previews"]; atUs: number }) {
  const wanted = previewAt(previews, atUs / 1000)?.url ?? null;
  const [url, setUrl] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setUrl(wanted);
      setFailed(false);
    }, RESTS_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  return (
    <span className="pvw">
      {url !== null && !failed && <img src={url} alt="" decoding="async" onError={() => setFailed(true)} />}
    </span>
  );
}
