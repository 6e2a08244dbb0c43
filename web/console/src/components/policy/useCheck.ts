import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { checkPolicy } from "../../api/operations";
import type { PolicyCheck, PolicyDocument } from "../../api/types";

const SETTLE_MS = 300;

export interface Check {
  /** What the server makes of the draft; null where nothing changed or no answer came yet. */
  result: PolicyCheck | null;
  error: Error | null;
}

/** Asks the server what a draft changes, once it has been left alone for a moment. */
export function useCheck(site: string, draft: PolicyDocument, changed: boolean): Check {
  const settled = useSettled(draft);
  const check = useQuery({
    queryKey: ["policy-check", site, settled],
    queryFn: ({ signal }) => checkPolicy(site, settled, signal),
    enabled: changed,
    placeholderData: keepPreviousData,
  });
  if (!changed) return { result: null, error: null };
  return { result: check.data ?? null, error: check.error };
}

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
