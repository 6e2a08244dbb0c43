import type { ReactNode } from "react";
import type { OverviewLine } from "../../lib/overview";
import { Icon } from "../Icon";
import { explain } from "../States";

const levelWords = { ok: "in order", attention: "needs somebody", failed: "needs somebody now" } as const;

interface OverviewRowProps {
  /** What it is about, as the start of “… could not be read”. */
  about: string;
  /** Null while nothing is known of it. */
  line: OverviewLine | null;
  error: Error | null;
  /** The way to where it is mended. */
  children: ReactNode;
}

/** One line: in order, or what somebody has to do, and the way there. What cannot be read says so in its place. */
export function OverviewRow({ about, line, error, children }: OverviewRowProps) {
  if (line === null) {
    return (
      <li className={error ? "lv-attention" : undefined}>
        <Icon name={error ? "warn" : "clock"} />
        <span className="grow">
          <b>{error ? `${about} could not be read.` : about}</b>
          <span className="small ink2">{error ? explain(error).lines.join(" ") : "Looking"}</span>
        </span>
        {children}
      </li>
    );
  }
  const { level, sentence, note } = line;
  return (
    <li className={`lv-${level}`}>
      <Icon name={level === "ok" ? "check" : "warn"} />
      <span className="grow">
        <span className="vh">{levelWords[level]}: </span>
        <b>{sentence}</b>
        {note !== undefined && <span className="small ink2">{note}</span>}
      </span>
      {children}
    </li>
  );
}
