import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ApiError, UnexpectedAnswer, Unreachable } from "../api/client";
import { formatCount } from "../lib/format";
import { type PaneState, Panes } from "./Panes";

const row = (...states: PaneState[]): PaneState[] => states;
const EMPTY = row("none", "none", "none", "none", "none", "none", "none", "none", "none");
const FAILED = row("a2", "a2", "a1", "bad", "a0", "a0", "a0", "a0", "a0");
const SHUT = row("a2", "a3", "a2", "cut", "cut", "cut", "a2", "a1", "a1");
const GLASS = row("a0", "a0", "a0", "a0", "a0", "a0", "a0", "a0", "a0");

interface StateProps {
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  panes: PaneState[];
  slim?: boolean;
  urgent?: boolean;
}

function State({ title, children, actions, panes, slim = false, urgent = false }: StateProps) {
  return (
    <section className={slim ? "st slim" : "st"} role={urgent ? "alert" : undefined}>
      <Panes states={panes} className="st-w" />
      <h2>{title}</h2>
      {children}
      {actions && <div className="row">{actions}</div>}
    </section>
  );
}

/** Nothing is there, and that is an answer. Say what was asked and give one way on. */
export function Empty(props: Omit<StateProps, "panes" | "urgent">) {
  return <State panes={EMPTY} {...props} />;
}

/** Not loaded yet. Never a spinner: sealed glass, at the size of what comes. */
export function Loading() {
  return (
    <div className="st slim" role="status">
      <Panes states={GLASS} className="st-w" />
      <p className="vh">Loading</p>
    </div>
  );
}

/** The same answer for what does not exist and for what lies outside one's scope. */
export function NotFound() {
  return (
    <State
      panes={EMPTY}
      title="There is nothing here"
      actions={
        <Link className="b" to="/recordings">
          Go to Recordings
        </Link>
      }
    >
      <p>The address names nothing that exists within what you may see.</p>
    </State>
  );
}

/** The server decided against it: the rule, the entry it left, and who can change it. */
export function Refused({ error, slim = false }: { error: ApiError; slim?: boolean }) {
  const { title, detail, what_to_do, rule, entry, request_id } = error.problem;
  return (
    <State
      panes={SHUT}
      slim={slim}
      title={title}
      urgent
      actions={
        <>
          <Link className="b" to="/recordings">
            Go to Recordings
          </Link>
          {rule && <code>rule {rule}</code>}
          {request_id && <code>{request_id}</code>}
        </>
      }
    >
      {detail && <p>{detail}</p>}
      {what_to_do && <p>{what_to_do}</p>}
      {entry !== null && (
        <p>
          This attempt is on record as entry <span className="num">{formatCount(entry)}</span>.
        </p>
      )}
    </State>
  );
}

interface TroubleProps {
  error: unknown;
  /** What could not be read or done, as the start of a sentence: "The list". */
  what: string;
  retry?: () => void;
  slim?: boolean;
}

/** Whatever went wrong, told apart: refused, not there, busy, no answer, another version. */
export function Trouble({ error, what, retry, slim = false }: TroubleProps) {
  if (error instanceof ApiError && error.status === 403) return <Refused error={error} slim={slim} />;
  if (error instanceof ApiError && error.status === 404) return <NotFound />;
  const told = explain(error);
  return (
    <State
      panes={FAILED}
      slim={slim}
      urgent
      title={`${what} could not be read`}
      actions={
        <>
          {retry && (
            <button type="button" className="b lead" onClick={retry}>
              Try now
            </button>
          )}
          {told.code && <code>{told.code}</code>}
        </>
      }
    >
      {told.lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </State>
  );
}

/** What to tell somebody about an error, in full sentences. */
export function explain(error: unknown): { lines: string[]; code: string | null } {
  if (error instanceof ApiError) {
    const { title, detail, what_to_do, request_id, status } = error.problem;
    const lines = [detail ?? `${title}.`];
    if (what_to_do) lines.push(what_to_do);
    else if (error.retryAfter !== null)
      lines.push(`The server wants to be asked again in ${error.retryAfter} s.`);
    return { lines, code: [String(status), error.slug, request_id ?? ""].filter(Boolean).join(" ") };
  }
  if (error instanceof Unreachable) {
    return {
      lines: ["The server did not answer. It may be stopped, or the connection is gone."],
      code: null,
    };
  }
  if (error instanceof UnexpectedAnswer) {
    return {
      lines: [
        "The answer does not fit this console. Reload the page to get the console of this server's version.",
      ],
      code: error.message,
    };
  }
  return {
    lines: ["Something in this page failed. Reload it; if it comes back, report the text below."],
    code: error instanceof Error ? error.message : String(error),
  };
}
