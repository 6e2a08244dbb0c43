import { type FormEvent, type KeyboardEvent, type ReactNode, useState } from "react";
import { COMMENT_LENGTH } from "../../api/coaching";
import { plural } from "../../lib/format";
import { Wrong } from "../Wrong";

interface CommentFormProps {
  /** What the field is, for those who hear it. */
  label: string;
  id?: string;
  placeholder?: string;
  text?: string;
  submit: string;
  /** Told with each change: whoever wants to know when somebody began to write. */
  onChange?: (text: string) => void;
  /** Resolves to whether it was taken; then the field is empty again. */
  onSubmit: (text: string) => Promise<boolean>;
  onCancel?: () => void;
  error: Error | null;
  focus?: boolean;
  children?: ReactNode;
}

const NEAR = 200;

/** A field to write a comment in, or an answer. */
export function CommentForm(props: CommentFormProps) {
  const [text, setText] = useState(props.text ?? "");
  const [busy, setBusy] = useState(false);
  const change = (next: string) => {
    setText(next);
    props.onChange?.(next);
  };
  const send = async () => {
    if (text.trim() === "" || busy) return;
    setBusy(true);
    if (await props.onSubmit(text.trim())) change("");
    setBusy(false);
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void send();
    else if (event.key === "Escape") props.onCancel?.();
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
          <button type="button" className="b s" onClick={props.onCancel}>
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
