import { type RefObject, useEffect, useReducer, useRef } from "react";
import * as v from "valibot";
import type { PolicyDocument } from "../api/types";
import { Hello, nothingYet, PreviewMessage, type PreviewState, previewReducer } from "./preview";

/**
 * Holds the conversation with the page in the frame: answers each hello with a new channel, sends the draft
 * and whether one is picking, and gathers what the page says.
 */
export function usePreview(
  frame: RefObject<HTMLIFrameElement | null>,
  origin: string,
  rules: PolicyDocument,
  pick: boolean,
): { state: PreviewState; unpick: () => void } {
  const [state, dispatch] = useReducer(previewReducer, nothingYet);
  const port = useRef<MessagePort | null>(null);
  const now = useRef({ rules, pick });
  now.current = { rules, pick };

  useEffect(() => {
    const listen = (event: MessageEvent) => {
      const target = frame.current?.contentWindow;
      if (!target || event.source !== target || event.origin !== origin) return;
      const hello = v.safeParse(Hello, event.data);
      if (!hello.success) return;
      port.current?.close();
      const channel = new MessageChannel();
      port.current = channel.port1;
      channel.port1.onmessage = (message: MessageEvent) => {
        const parsed = v.safeParse(PreviewMessage, message.data);
        if (parsed.success) dispatch(parsed.output);
      };
      dispatch({ kind: "hello", url: hello.output.url });
      target.postMessage({ clerestory: "preview", ...now.current }, origin, [channel.port2]);
    };
    addEventListener("message", listen);
    return () => {
      removeEventListener("message", listen);
      port.current?.postMessage({ stop: true });
      port.current?.close();
      port.current = null;
    };
  }, [frame, origin]);

  // First whether one picks: the picture under new rules is taken without the outline of picking.
  useEffect(() => {
    port.current?.postMessage({ pick });
  }, [pick]);
  useEffect(() => {
    port.current?.postMessage({ rules });
  }, [rules]);

  return { state, unpick: () => dispatch({ kind: "unpick" }) };
}
