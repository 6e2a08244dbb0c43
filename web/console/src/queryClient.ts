import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError, Unreachable } from "./api/client";

let signedOut: () => void = () => {};

/** What happens when the server says that nobody is signed in any more. The router sets it. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

function notice(error: Error): void {
  if (error instanceof ApiError && error.status === 401 && error.slug !== "sign-in-refused") signedOut();
}

/** A lost line is tried once more at once. What the server said stands: the page says when it asks again. */
function worthRetrying(failures: number, error: Error): boolean {
  return error instanceof Unreachable && failures < 1;
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: notice }),
  mutationCache: new MutationCache({ onError: notice }),
  defaultOptions: {
    queries: { retry: worthRetrying, refetchOnWindowFocus: false, staleTime: 5_000 },
    mutations: { retry: false },
  },
});
