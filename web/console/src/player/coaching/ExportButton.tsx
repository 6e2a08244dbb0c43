import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { ApiError, type Progress } from "../../api/client";
import { exportRecording } from "../../api/operations";
import type { Recording } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { Icon } from "../../components/Icon";
import { needsStepUp, StepUp } from "../../components/StepUp";
import { Wrong } from "../../components/Wrong";
import { formatBytes, formatSpan } from "../../lib/format";
import { isErased } from "../../lib/recording";
import { saveFile } from "../../lib/saveText";

/** The way to take a screen's recording along as a file, where that is allowed. */
export function ExportButton({ recording }: { recording: Recording }) {
  const [asking, setAsking] = useState(false);
  if (!recording.may_export || recording.source !== "screen" || isErased(recording)) return null;
  return (
    <>
      <button
        type="button"
        className="ib"
        aria-label="Export as MP4…"
        title="Export as MP4…"
        onClick={() => setAsking(true)}
      >
        <Icon name="download" />
      </button>
      {asking && <ExportDialog recording={recording} onClose={() => setAsking(false)} />}
    </>
  );
}

/** Which file it is: its day, and nothing that names anybody. */
export const fileName = (recording: Pick<Recording, "id" | "started_at">): string =>
  `clerestory-${recording.started_at.slice(0, 10)}-${recording.id.slice(-6)}.mp4`;

function ExportDialog({ recording, onClose }: { recording: Recording; onClose: () => void }) {
  const id = useId();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [reason, setReason] = useState("");
  const [saved, setSaved] = useState<number | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const make = useMutation({
    mutationFn: async () => {
      abort.current = new AbortController();
      setProgress({ bytes: 0, of: null });
      const file = await exportRecording(recording.id, reason.trim(), setProgress, abort.current.signal);
      saveFile(fileName(recording), file);
      setSaved(file.size);
    },
    onSettled: () => setProgress(null),
  });
  const missing = recording.export === "ffmpeg-missing" || slugOf(make.error) === "ffmpeg-missing";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (missing) return <NoFfmpeg error={make.error} onClose={onClose} />;
  const stopped = abort.current?.signal.aborted === true;
  return (
    <Dialog title="Export as MP4" isOpen onClose={onClose} alert={make.isPending}>
      {needsStepUp(make.error) ? (
        <StepUp goOn="Export" onProven={() => make.mutate()} onCancel={onClose} />
      ) : (
        <form onSubmit={submit}>
          <p>
            {formatSpan(recording.duration_us)} of the screen of {recording.subject.label} become one file,
            with their sound. What was not captured, and what was taken out, is left out of it.
          </p>
          <p className="note attn">
            <Icon name="warn" />
            <span>
              The file lies outside of Clerestory: nothing here erases it, nobody sees who opens it, and no
              retention ends it. That it was made is on record.
            </span>
          </p>
          <div className="fld exwhy">
            <label htmlFor={id}>Why it leaves</label>
            <input
              className="in"
              id={id}
              value={reason}
              maxLength={500}
              disabled={make.isPending}
              aria-invalid={slugOf(make.error) === "reason-required"}
              onChange={(event) => setReason(event.target.value)}
            />
            <span className="help">It stands in the record beside your name.</span>
          </div>
          {progress && <Bar progress={progress} />}
          {make.error && !stopped && <Wrong error={make.error} what="There is no file." />}
          {saved !== null && (
            <p className="note live" role="status">
              <Icon name="check" />
              <span>
                {fileName(recording)}, {formatBytes(saved)}, is with your browser's downloads.
              </span>
            </p>
          )}
          <div className="actions">
            <button type="button" className="b" onClick={onClose}>
              {make.isPending ? "Stop" : saved === null ? "Cancel" : "Close"}
            </button>
            {saved === null && (
              <button type="submit" className="b lead" disabled={make.isPending}>
                <Icon name="download" />
                Export
              </button>
            )}
          </div>
        </form>
      )}
    </Dialog>
  );
}

const slugOf = (error: unknown): string | null => (error instanceof ApiError ? error.slug : null);

/** How much of the file has come. How long it will be is not always known before it is made. */
function Bar({ progress }: { progress: Progress }) {
  const { bytes, of } = progress;
  const words =
    bytes === 0
      ? "The file is being made"
      : `${formatBytes(bytes)} ${of === null ? "so far" : `of ${formatBytes(of)}`}`;
  return (
    <div className="exbar">
      <progress
        aria-label="How much of the file has come"
        {...(of === null ? {} : { value: bytes, max: of })}
      />
      <p className="small ink2 num" role="status">
        {words}
      </p>
    </div>
  );
}

/** What is missing, and who does what about it. */
function NoFfmpeg({ error, onClose }: { error: Error | null; onClose: () => void }) {
  const told = error instanceof ApiError ? error.problem.what_to_do : null;
  return (
    <Dialog title="The server cannot make the file yet" isOpen onClose={onClose}>
      <p className="exsay">
        To make one MP4 of the many sealed pieces takes the program <code>ffmpeg</code>, and the server has
        none. Nothing was opened.
      </p>
      <p className="exsay">
        {told ??
          "Whoever runs the server installs the package ffmpeg of its system, or names the program in CLERESTORY_FFMPEG, and starts the server again."}
      </p>
      <p className="ink2">Watching works without it.</p>
      <div className="actions">
        <button type="button" className="b lead" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
