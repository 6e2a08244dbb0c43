/** Asks the browser for what is to be recorded. */
import type { Surface } from "../policy/screen";

export interface Wish {
  readonly surface: Surface;
  /** For a tab: the right to it, from the person's click. */
  readonly streamId: string | null;
  readonly audio: boolean;
  readonly microphone: boolean;
  readonly framesPerSecond: number;
}

export interface Sources {
  readonly picture: MediaStreamTrack;
  /** `audible`: the browser mutes it for the person, and it has to be played again. */
  readonly sounds: readonly { readonly stream: MediaStream; readonly audible: boolean }[];
  readonly hears: { readonly page: boolean; readonly microphone: boolean };
}

export class SourceError extends Error {}

const WIDTH = 1920;
const HEIGHT = 1080;

/** Constraints of tab capture, which the types do not know. */
interface TabConstraints {
  readonly mandatory: Readonly<Record<string, string | number>>;
}

function tab(streamId: string, audio: boolean, framesPerSecond: number): Promise<MediaStream> {
  const source = { chromeMediaSource: "tab", chromeMediaSourceId: streamId };
  const limits = { maxWidth: WIDTH, maxHeight: HEIGHT, maxFrameRate: framesPerSecond };
  const video: TabConstraints = { mandatory: { ...source, ...limits } };
  const wish = { video, audio: audio ? { mandatory: source } : false };
  return navigator.mediaDevices.getUserMedia(wish as unknown as MediaStreamConstraints);
}

async function display(surface: Surface, audio: boolean, framesPerSecond: number): Promise<MediaStream> {
  const wish = {
    video: {
      displaySurface: surface === "screen" ? "monitor" : "window",
      width: { max: WIDTH },
      height: { max: HEIGHT },
      frameRate: { max: framesPerSecond },
    },
    audio,
    systemAudio: "include",
    monitorTypeSurfaces: surface === "screen" ? "include" : "exclude",
    selfBrowserSurface: "exclude",
    surfaceSwitching: "exclude",
  };
  const stream = await navigator.mediaDevices.getDisplayMedia(wish as DisplayMediaStreamOptions);
  const picked = stream.getVideoTracks()[0]?.getSettings().displaySurface;
  const expected = surface === "screen" ? "monitor" : "window";
  if (picked === expected) return stream;
  // A tab picked in the browser's own list is one of which nobody knows what page it shows.
  for (const track of stream.getTracks()) track.stop();
  throw new SourceError(picked === "browser" ? "tab-picked" : "other-surface-picked");
}

/** Rejects where the person or the browser refuses. */
export async function openSources(wish: Wish): Promise<Sources> {
  const { surface, streamId, audio, framesPerSecond } = wish;
  if (surface === "tab" && streamId === null) throw new SourceError("no-tab");
  const stream =
    surface === "tab" && streamId !== null
      ? await tab(streamId, audio, framesPerSecond)
      : await display(surface, audio, framesPerSecond);
  const [picture] = stream.getVideoTracks();
  if (!picture) throw new SourceError("no-picture");
  picture.contentHint = "text";
  const heard = new MediaStream(stream.getAudioTracks());
  const hearsPage = heard.getAudioTracks().length > 0;
  const sounds = hearsPage ? [{ stream: heard, audible: surface === "tab" }] : [];
  const microphone = audio && wish.microphone ? await openMicrophone() : null;
  if (microphone) sounds.push({ stream: microphone, audible: false });
  return { picture, sounds, hears: { page: hearsPage, microphone: microphone !== null } };
}

/** `null` where it was not allowed on the page that asks: the recording goes on without, and says so. */
async function openMicrophone(): Promise<MediaStream | null> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true },
    });
  } catch {
    return null;
  }
}
