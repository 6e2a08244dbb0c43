import { useCallback, useRef } from "react";
import { PlayerChannel } from "./channel";

interface InertFrameProps {
  /** Where player pages are served: another site, without this console's cookies. */
  contentOrigin: string;
  /** What the frame shows, for those who cannot see it. */
  title: string;
  className?: string;
  /** The page is there and listens. Called once for each time it was loaded. */
  onReady: (channel: PlayerChannel) => void;
}

/**
 * A frame that draws recorded documents and can do nothing else: no scripts of theirs, no connections, another
 * site. Everything goes through the channel it hands out.
 */
export function InertFrame({ contentOrigin, title, className, onReady }: InertFrameProps) {
  const channel = useRef<PlayerChannel | null>(null);
  const shake = useCallback(
    (frame: HTMLIFrameElement) => {
      const { port1, port2 } = new MessageChannel();
      channel.current?.close();
      const made = new PlayerChannel(port1);
      channel.current = made;
      const stop = made.listen((message) => {
        if (message.type !== "ready") return;
        stop();
        onReady(made);
      });
      frame.contentWindow?.postMessage({ clerestory: "player", version: 1 }, contentOrigin, [port2]);
    },
    [contentOrigin, onReady],
  );
  const address = `${contentOrigin}/player/#console=${encodeURIComponent(location.origin)}`;
  return (
    <iframe
      className={className}
      title={title}
      src={address}
      sandbox="allow-scripts allow-same-origin"
      allow=""
      referrerPolicy="no-referrer"
      tabIndex={-1}
      onLoad={(event) => shake(event.currentTarget)}
    />
  );
}
