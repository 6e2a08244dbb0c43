import { type FormEvent, type KeyboardEvent, type ReactNode, useState } from "react";
import { COMMENT_LENGTH } from "../../api/coaching";
import { type DraftPlace, dropDraft, keepDraft, useDraft } from "../../lib/drafts";
import { plural } from "../../lib/format";
import { Wrong } from "../Wrong";

interface CommentFormProps {
  /** What the field is, for those who hear it. */
  label: string;
  id?: string;
  placeholder?: string;
  /** What stands there before anybody writes. */
  text?: string;
  /** Where what is written waits until it is sent. */
  draft: DraftPlace;
  /** Where the recording stands, in milliseconds, where what is written is about a moment. */
  nowMs?: () => number;
  submit: string;
  /** Resolves to whether it was taken; then what was written is no draft any more. */
  onSubmit: (text: string) => Promise<boolean>;
  onCancel?: () => void;
  error: Error | null;
  focus?: boolean;
  children?: ReactNode;
}

const NEAR = 200;

/** A field to write a comment in, or an answer. */
export function CommentForm(props: CommentFormProps) {
  const before = props.text ?? "";
  const text = useDraft(props.draft)?.text ?? before;
  const [busy, setBusy] = useState(false);
  const change = (next: string) => {
    if (next === before) dropDraft(props.draft);
    else keepDraft(props.draft, next, props.nowMs?.() ?? null);
  };
  const cancel = () => {
    dropDraft(props.draft);
    props.onCancel?.();
  };
  const send = async () => {
    if (text.trim() === "" || busy) return;
    setBusy(true);
    if (await props.onSubmit(text.trim())) dropDraft(props.draft);
    setBusy(false);
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void send();
    else if (event.key === "Escape" && props.onCancel) cancel();
  };
  const left = COMMENT_LENGTH - [...text].length;
  return (
    <form className="cmform" onSubmit={onSubmit}>
      {props.children}
      <textarea
        className="in"
        id={props.id}
        aria-label={props.label}
        placeholder={props.placeholder}
        rows={2}
        maxLength={COMMENT_LENGTH}
        value={text}
        // It stands in the place of the button that was just pressed.
        // biome-ignore lint/a11y/noAutofocus: see above
        autoFocus={props.focus}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {props.error && <Wrong error={props.error} what="It was not kept." />}
      <div className="row">
        <span className="small ink3 grow" role="status">
          {left <= NEAR && `${plural(left, "character")} left`}
        </span>
        {props.onCancel && (
          <button type="button" className="b s" onClick={cancel}>
            Cancel
          </button>
        )}
        <button type="submit" className="b s lead" disabled={busy || text.trim() === ""}>
          {props.submit}
        </button>
      </div>
    </form>
  );
}
