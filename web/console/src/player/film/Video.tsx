import { useCallback } from "react";
import type { Film } from "./film";

interface VideoProps {
  film: Film;
  /** What it shows, for those who cannot see it. */
  title: string;
}

/** The element that shows a screen. It has no controls of its own: the page has them. */
export function Video({ film, title }: VideoProps) {
  const connect = useCallback((video: HTMLVideoElement | null) => film.attach(video), [film]);
  // biome-ignore lint/a11y/useMediaCaption: what is said on a screen's recording is not written down
  return <video ref={connect} aria-label={title} playsInline disablePictureInPicture tabIndex={-1} />;
}
