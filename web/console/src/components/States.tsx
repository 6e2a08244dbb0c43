import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
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
  /** True where the state is all the page has to say. */
  whole?: boolean;
}

function State({ title, children, actions, panes, slim = false, urgent = false, whole = false }: StateProps) {
  return (
    <section className={slim ? "st slim" : "st"} role={urgent ? "alert" : undefined}>
      <Panes states={panes} className="st-w" />
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
      {actions && <div className="row">{actions}</div>}
    </section>
  );
}

/** Nothing is there, and that is an answer. Say what was asked and give one way on. */
export function Empty(props: Omit<StateProps, "panes" | "urgent" | "whole">) {
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
      whole
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

/** A state where there is no page around it. */
export function Alone({ children }: { children: ReactNode }) {
  return <main id="main">{children}</main>;
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

const AGAIN_S = 5;

/** Asks again by itself when that may help, and counts down to it; null where only a person can. */
function useAgain(error: unknown, retry: (() => void) | undefined): number | null {
  const busy = error instanceof Unreachable || (error instanceof ApiError && error.status >= 500);
  const wait = busy && retry ? ((error instanceof ApiError ? error.retryAfter : null) ?? AGAIN_S) : null;
  const [left, setLeft] = useState(wait);
  const act = useRef(retry);
  act.current = retry;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new failure starts a new wait
  useEffect(() => {
    setLeft(wait);
    if (wait === null) return;
    const end = Date.now() + wait * 1000;
    const timer = setInterval(() => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      setLeft(Math.max(0, seconds));
      if (seconds > 0) return;
      clearInterval(timer);
      act.current?.();
    }, 250);
    return () => clearInterval(timer);
  }, [error, wait]);
  return left;
}

/** Whatever went wrong, told apart: refused, not there, busy, no answer, another version. */
export function Trouble({ error, what, retry, slim = false }: TroubleProps) {
  const again = useAgain(error, retry);
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
      {again !== null && <p className="num">Trying again {again > 0 ? `in ${again} s` : "now"}.</p>}
    </State>
  );
}

/** What to tell somebody about an error, in full sentences. */
export function explain(error: unknown): { lines: string[]; code: string | null } {
  if (error instanceof ApiError) {
    const { title, detail, what_to_do, request_id, status } = error.problem;
    const lines = [detail ?? `${title}.`];
    if (what_to_do) lines.push(what_to_do);
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
