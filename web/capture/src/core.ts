/** Takes over from the loader. */
import { Capture } from "./capture";
import type { ClerestoryApi } from "./state";

(() => {
  const api = window.clerestory;
  const boot = api?.boot;
  if (!api || !boot) return;
  delete api.boot;
  const show = (state: ClerestoryApi["state"]): void => {
    api.state = state;
  };
  try {
    // A frame of the same origin is recorded by the page around it.
    if (isInsideOwnPage()) return show({ phase: "refused", reason: "inside-own-page" });
    const capture = new Capture(boot, show);
    const safely = (work: () => void): void => {
      try {
        work();
      } catch {
        show({ phase: "failed", reason: "recorder-error" });
      }
    };
    api.stop = (options) => safely(() => capture.stop(options ?? {}));
    api.start = () => safely(() => capture.start());
    api.discard = () => safely(() => capture.discard());
    const last = boot.calls.filter(([name]) => name !== "discard").pop();
    if (last?.[0] === "stop") api.stop(last[1]);
    else if (last?.[0] === "start" || !capture.isForbidden) api.start();
    else show({ phase: "stopped", reason: "stopped" });
  } catch {
    show({ phase: "failed", reason: "recorder-error" });
  }
})();

function isInsideOwnPage(): boolean {
  if (window.parent === window) return false;
  try {
    return window.parent.location.origin === location.origin;
  } catch {
    return false;
  }
}
