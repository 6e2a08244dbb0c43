import { useEffect, useState } from "react";
import { linkToken } from "./signInLink";

/** The token of the link that led here, taken out of the address before anything else sees it; null where there is none. */
export function useLinkToken(): string | null {
  const [token] = useState(() => linkToken(location.hash));
  useEffect(() => history.replaceState(history.state, "", location.pathname), []);
  return token;
}
