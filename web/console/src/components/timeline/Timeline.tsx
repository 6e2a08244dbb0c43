import { type PointerEvent, type ReactNode, useId, useRef, useState } from "react";
import { formatClock } from "../../lib/format";
import { Icon, type IconName } from "../Icon";
import { type PaneState, Panes } from "../Panes";
import { keyMoment, momentAt, percent, placed, placeOf, tickLabel, ticks } from "./scale";
import "./timeline.css";

export interface TimelineBrick {
  fromUs: number;
  toUs: number;
  label: string;
}

export interface TimelinePin {
  atUs: number;
  label: string;
  /** What stands in it: a count, or nothing. */
  text: string;
}

export interface TimelineLane {
  id: string;
  icon: IconName;
  name: string;
  /** A number or word beside the name. */
  count: string;
  /** How long it is kept: `73 d`. */
  left?: string;
  state: "open" | "sealed" | "none";
  /** The row as a sentence. */
  label: string;
  height: "s" | "m" | "l";
  children: ReactNode;
}

interface TimelineProps {
  durationUs: number;
  atUs: number;
  /** False while nothing is open: the playhead is not drawn. */
  lit: boolean;
  panes: readonly PaneState[];
  panesLabel: string;
  pins: readonly TimelinePin[];
  bricks: readonly TimelineBrick[];
  lanes: readonly TimelineLane[];
  onSeek: (atUs: number) => void;
  /** The part that is played alone; what lies outside of it is dimmed. */
  only?: { fromUs: number; toUs: number } | null;
  /** What stands above the moment somebody points at, or goes to by a key. */
  hover?: (atUs: number) => ReactNode;
}

/** All tracks on one scale under one light: panes, ruler, lanes, gaps through what they hit, and the playhead. */
export function Timeline(props: TimelineProps) {
  const { durationUs, atUs, lit, lanes, bricks, only } = props;
  return (
    <section className="tl" aria-label="Timeline">
      <div className="tl-top">
        <Legend />
        <Row {...props} />
      </div>
      <div className="tl-tracks">
        {lanes.map((lane) => (
          <Lane key={lane.id} lane={lane} />
        ))}
        <div className="tl-over" aria-hidden="true">
          {bricks.map((brick) => (
            <div
              key={brick.fromUs}
              className="brk bricks"
              style={placed(brick.fromUs, brick.toUs, durationUs)}
            >
              <span>
                <b>{brick.label}</b>
                {formatClock(brick.toUs - brick.fromUs)}
              </span>
            </div>
          ))}
          {only && (
            <>
              <div className="tl-out" style={placed(0, only.fromUs, durationUs)} />
              <div className="tl-out" style={placed(only.toUs, durationUs, durationUs)} />
            </>
          )}
          {lit && <div className="beam" style={{ left: percent(atUs, durationUs) }} />}
        </div>
      </div>
    </section>
  );
}

function Legend() {
  const entries: [PaneState, PaneState, string][] = [
    ["a2", "a3", "sealed"],
    ["lit", "lit", "open in this play"],
    ["gap", "gap", "gap"],
    ["cut", "cut", "taken out"],
  ];
  return (
    <div className="legend">
      {entries.map(([one, two, name]) => (
        <span key={name}>
          <Panes states={[one, two]} className="lg" />
          {name}
        </span>
      ))}
    </div>
  );
}

/** The row of panes, which is also the one slider. */
function Row({ durationUs, atUs, lit, panes, panesLabel, pins, onSeek, hover }: TimelineProps) {
  const row = useRef<HTMLDivElement>(null);
  const label = useId();
  const [pointed, setPointed] = useState<{ atUs: number; x: number; top: number } | null>(null);
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!row.current) return;
    const { left, top, width } = row.current.getBoundingClientRect();
    const at = momentAt(event.clientX, left, width, durationUs);
    if (hover) setPointed({ atUs: at, x: event.clientX, top });
    if (event.buttons !== 0) onSeek(at);
  };
  return (
    <div className="tl-canvas">
      {hover && pointed !== null && (
        <div className="tl-hover" style={{ left: pointed.x, top: pointed.top }} aria-hidden="true">
          {hover(pointed.atUs)}
          <b className="num">{formatClock(pointed.atUs)}</b>
        </div>
      )}
      <div className="pins">
        {lit && (
          <span
            className="head"
            style={{ left: `clamp(1.5rem, ${percent(atUs, durationUs)}, calc(100% - 1.5rem))` }}
            aria-hidden="true"
          >
            <b className="num">{formatClock(atUs)}</b>
          </span>
        )}
        {pins.map((pin) => (
          <button
            key={`${pin.atUs}${pin.label}`}
            type="button"
            className="pin"
            style={{ left: percent(pin.atUs, durationUs) }}
            aria-label={`${pin.label}, ${formatClock(pin.atUs)}`}
            title={pin.label}
            onClick={() => onSeek(pin.atUs)}
          >
            <b>{pin.text}</b>
          </button>
        ))}
      </div>
      <p id={label} className="vh">
        {panesLabel}
      </p>
      <div
        ref={row}
        className="tl-slider"
        role="slider"
        tabIndex={0}
        aria-label="Moment"
        aria-describedby={label}
        aria-valuemin={0}
        aria-valuemax={Math.round(durationUs / 1000)}
        aria-valuenow={Math.round(atUs / 1000)}
        aria-valuetext={`${formatClock(atUs)} of ${formatClock(durationUs)}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag(event);
        }}
        onPointerMove={drag}
        onPointerLeave={() => setPointed(null)}
        onBlur={() => setPointed(null)}
        onKeyDown={(event) => {
          const to = keyMoment(event.key, atUs, durationUs);
          if (to === null) return;
          event.preventDefault();
          event.stopPropagation();
          if (hover && row.current) {
            const { left, top, width } = row.current.getBoundingClientRect();
            setPointed({ atUs: to, x: placeOf(to, left, width, durationUs), top });
          }
          onSeek(to);
        }}
      >
        <Panes states={panes} className="tl-win" />
      </div>
      <div className="ruler num" aria-hidden="true">
        {ticks(durationUs, 13).map((at) => (
          <span key={at} style={{ left: percent(at, durationUs) }}>
            {tickLabel(at)}
          </span>
        ))}
      </div>
    </div>
  );
}

function Lane({ lane }: { lane: TimelineLane }) {
  return (
    <div className={`trk h-${lane.height}`}>
      <div className="th">
        <Icon name={lane.icon} small />
        <span>{lane.name}</span>
        <em className="num">{lane.count}</em>
        {lane.left !== undefined && <em className="ret num">{lane.left}</em>}
        {lane.state !== "none" && (
          <span className={lane.state === "open" ? "opn" : "shut"}>
            <Icon name={lane.state === "open" ? "open" : "seal"} small />
          </span>
        )}
        <span className="vh">{lane.label}</span>
      </div>
      <div className="tc" aria-hidden="true">
        {lane.children}
      </div>
    </div>
  );
}
