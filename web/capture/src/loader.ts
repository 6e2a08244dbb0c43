/**
 * The only file a page names. It checks what can be checked in a few lines and loads the core, whose bytes it
 * knows by hash, from where it came from itself. Inside the policy editor it loads the preview instead.
 */
import type { Boot, ClerestoryApi, State } from "./state";

/** File name and integrity, from the build. */
declare const CORE: readonly [string, string];
declare const PREVIEW: readonly [string, string];

interface TypePolicies {
  createPolicy(name: string, rules: object): { createScriptURL(url: string): string };
}

(() => {
  const me = document.currentScript as HTMLScriptElement | null;
  if (!me || window.clerestory) return;
  const { site, key } = me.dataset;
  const calls: Boot["calls"] = [];
  const api: ClerestoryApi & { boot?: Boot } = {
    state: { phase: "starting", reason: null },
    stop: (options) => void calls.push(["stop", options]),
    start: () => void calls.push(["start", undefined]),
    discard: () => void calls.push(["discard", undefined]),
  };
  window.clerestory = api;
  const end = (phase: State["phase"], reason: string): void => {
    api.state = { phase, reason };
  };
  try {
    if (!isSecureContext) return end("refused", "insecure-context");
    if (!site || !key) return end("refused", "snippet-incomplete");
    if (!crypto.subtle || !navigator.locks || !window.CompressionStream)
      return end("refused", "browser-too-old");
    const host = new URL(me.src).origin;
    const above = location.ancestorOrigins
      ? location.ancestorOrigins[0]
      : document.referrer && new URL(document.referrer).origin;
    const inEditor = parent !== window && above === host && host !== location.origin;
    const [file, integrity] = inEditor ? PREVIEW : CORE;
    const url = new URL(file, me.src).href;
    api.boot = { host, site, key, calls };
    const script = document.createElement("script");
    script.integrity = integrity;
    script.crossOrigin = "anonymous";
    script.onerror = () => end("failed", "core-not-loaded");
    const types = (window as { trustedTypes?: TypePolicies }).trustedTypes;
    script.src = types
      ? types.createPolicy("clerestory", { createScriptURL: (u: string) => u }).createScriptURL(url)
      : url;
    document.head.append(script);
  } catch {
    end("failed", "core-not-loaded");
  }
})();
