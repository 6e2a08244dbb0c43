/** Reads the pictures or the sound of a track; Chromium has it in windows too, the types know it in workers only. */
interface MediaStreamTrackProcessor<T> {
  readonly readable: ReadableStream<T>;
}
declare var MediaStreamTrackProcessor: {
  new (init: {
    track: MediaStreamTrack;
    maxBufferSize?: number;
  }): MediaStreamTrackProcessor<VideoFrame | AudioData>;
};
