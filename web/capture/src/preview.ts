/** Loaded instead of the core where the policy editor frames the page. */
import { startPreview } from "./preview/preview";

const api = window.clerestory;
const host = api?.boot?.host;
if (api && host) {
  delete api.boot;
  for (const name of ["stop", "start", "discard"] as const) api[name] = () => {};
  try {
    startPreview(host);
    api.state = { phase: "preview", reason: null };
  } catch {
    api.state = { phase: "failed", reason: "preview-error" };
  }
}
