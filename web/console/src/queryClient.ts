import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError, UnexpectedAnswer } from "./api/client";

let signedOut: () => void = () => {};

/** What happens when the server says that nobody is signed in any more. The router sets it. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

function notice(error: Error): void {
  if (error instanceof ApiError && error.status === 401 && error.slug !== "sign-in-refused") signedOut();
}

/** Only what may pass by itself is asked for again: no answer, too many, or the server is busy. */
function worthRetrying(failures: number, error: Error): boolean {
  if (error instanceof UnexpectedAnswer) return false;
  if (error instanceof ApiError && error.status < 500 && error.status !== 429) return false;
  return failures < 2;
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: notice }),
  mutationCache: new MutationCache({ onError: notice }),
  defaultOptions: {
    queries: { retry: worthRetrying, refetchOnWindowFocus: false, staleTime: 5_000 },
    mutations: { retry: false },
  },
});
