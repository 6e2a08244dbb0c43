import { useEffect, useRef, useState } from "react";
import { useSession } from "../../api/session";
import { nextStep, type Sent } from "../../lib/leaves";
import type { PreviewState } from "../../lib/preview";
import type { PlayerChannel } from "../../player/channel";
import { InertFrame } from "../../player/InertFrame";

/** The events of the preview, drawn by the same page that draws recordings: what you see is what would be kept. */
export function LeavesPicture({ state }: { state: PreviewState }) {
  const { content_origin } = useSession();
  const [channel, setChannel] = useState<PlayerChannel | null>(null);
  const sent = useRef<Sent | null>(null);
  const { events, picture } = state;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new frame has been sent nothing
  useEffect(() => {
    sent.current = null;
  }, [channel]);

  useEffect(() => {
    if (!channel) return;
    const step = nextStep(sent.current, picture, events);
    if (step.kind === "none") return;
    sent.current = step.sent;
    if (step.kind === "load") {
      channel.send({
        type: "load",
        load: picture,
        at_ms: step.at_ms,
        play: false,
        speed: 1,
        until_ms: null,
        earliest: true,
        segments: [step.batch],
      });
    } else {
      channel.send({ type: "append", load: picture, segments: [step.batch] });
      channel.send({ type: "seek", at_ms: step.at_ms });
    }
  }, [channel, picture, events]);

  return (
    <InertFrame
      className="leavesframe"
      contentOrigin={content_origin}
      title="The page as it would be recorded"
      onReady={setChannel}
    />
  );
}
