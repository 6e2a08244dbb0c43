import { useEffect } from "react";

/** Names the page in the window's title while it is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Clerestory`;
  }, [title]);
}
