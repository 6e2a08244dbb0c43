import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { getInside, getInsideBytes } from "../api/operations";
import type { InsideBytes, Inside as InsideData } from "../api/types";
import { Dialog } from "../components/Dialog";
import { explain, Loading } from "../components/States";
import { formatBytes, formatCount, formatMoment, plural } from "../lib/format";
import { hexRows } from "./hex";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

/** What `stored_as` says, in words. */
const storedAs: Record<string, string> = {
  log: "ingest log",
  part: "track part",
  object: "object of its own",
};

/** Where this recording lies on disk, its bytes as they are, the chain of its keys, and its audit entries. */
export function Inside({ session, onClose }: { session: PlaySession; onClose: () => void }) {
  const id = usePlayer(session, (state) => state.recording.id);
  const inside = useQuery({ queryKey: ["inside", id], queryFn: ({ signal }) => getInside(id, signal) });
  return (
    <Dialog title="Look inside" isOpen onClose={onClose}>
      <div className="inside">
        {inside.data ? (
          <Content inside={inside.data} />
        ) : inside.error ? (
          explain(inside.error).lines.map((line) => <p key={line}>{line}</p>)
        ) : (
          <Loading />
        )}
      </div>
      <div className="row gfoot">
        <span className="grow" />
        <button type="button" className="b" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Content({ inside }: { inside: InsideData }) {
  const [chosen, setChosen] = useState<{ track: string; sequence: number } | null>(() => {
    const track = inside.tracks.find(({ segments }) => segments.length > 0);
    const first = track?.segments[0];
    return track && first ? { track: track.id, sequence: first.sequence } : null;
  });
  const [shown, setShown] = useState(12);
  return (
    <>
      <p>
        Everything of this recording lies under <code>{inside.data_directory}</code>. Without its keys the
        bytes there mean nothing; looking at them opens nothing.
      </p>
      {inside.tracks.map((track) => (
        <section key={track.id}>
          <h3>Keys of track {track.id}</h3>
          <Chain organisation={inside.organisation_key} track={track} />
          <h3>On disk</h3>
          <div className="tablew">
            <table className="objects">
              <thead>
                <tr>
                  <th>Segment</th>
                  <th>Object</th>
                  <th className="r">Offset</th>
                  <th className="r">Length</th>
                  <th>Stored in</th>
                </tr>
              </thead>
              <tbody>
                {track.segments.slice(0, shown).map((segment) => {
                  const on = chosen?.track === track.id && chosen.sequence === segment.sequence;
                  return (
                    <tr key={segment.sequence} className={on ? "on" : undefined}>
                      <td>
                        <button
                          type="button"
                          className="link num"
                          aria-pressed={on}
                          onClick={() => setChosen({ track: track.id, sequence: segment.sequence })}
                        >
                          {formatCount(segment.sequence)}
                        </button>
                      </td>
                      <td>
                        <code>{segment.object}</code>
                      </td>
                      <td className="r num">{formatCount(segment.offset)}</td>
                      <td className="r num">{formatBytes(segment.length)}</td>
                      <td>{storedAs[segment.stored_as] ?? segment.stored_as}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
          {track.segments.length > shown && (
            <button type="button" className="b s" onClick={() => setShown(track.segments.length)}>
              Show all {plural(track.segments.length, "segment")}
            </button>
          )}
        </section>
      ))}
      {chosen && <Bytes recording={inside.recording} track={chosen.track} sequence={chosen.sequence} />}
      <Entries inside={inside} />
    </>
  );
}

function Chain({ organisation, track }: { organisation: string; track: InsideData["tracks"][number] }) {
  const { key } = track;
  const links: [string, string][] = [
    ["Track key", key.id],
    ["wrapped by the subject's key", key.parent],
    ["wrapped by the organisation's key", organisation],
    ["in registry shard", `${key.shard}, version ${key.shard_version}`],
    ["under key page", `${key.page}, of epoch ${key.epoch}`],
  ];
  return (
    <dl className="kv chain">
      {links.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{value}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface BytesProps {
  recording: string;
  track: string;
  sequence: number;
}

function Bytes({ recording, track, sequence }: BytesProps) {
  const bytes = useQuery({
    queryKey: ["inside", recording, track, sequence],
    queryFn: ({ signal }) => getInsideBytes(recording, track, sequence, signal),
  });
  return (
    <section>
      <h3>The first bytes of segment {formatCount(sequence)}, as they are</h3>
      {bytes.data ? (
        <Dump bytes={bytes.data} />
      ) : bytes.error ? (
        explain(bytes.error).lines.map((line) => <p key={line}>{line}</p>)
      ) : (
        <Loading />
      )}
    </section>
  );
}

function Dump({ bytes }: { bytes: InsideBytes }) {
  const facts: [string, string][] = [
    ["Sealed with", bytes.sealed_with],
    ["Salt", bytes.header.salt],
    ["Nonce prefix", bytes.header.nonce_prefix],
    ["SHA-256 of the ciphertext", bytes.ciphertext_sha256],
    ["Associated data", bytes.associated_data_hex],
  ];
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className="hex" tabIndex={0} aria-label="Bytes in hexadecimal">
        <pre>
          {hexRows(bytes.first_bytes_hex, bytes.offset).map((row) => `${row.at}  ${row.hex}  ${row.text}\n`)}
        </pre>
      </section>
      <dl className="kv chain">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Entries({ inside }: { inside: InsideData }) {
  return (
    <section>
      <h3>{plural(inside.entries.length, "audit entry", "audit entries")}</h3>
      <ol className="entries">
        {inside.entries.map((entry) => (
          <li key={entry.number}>
            <span className="num">{formatCount(entry.number)}</span>
            <span className="num ink3">{formatMoment(entry.time)}</span>
            <code>{entry.action}</code>
            <span>{entry.outcome}</span>
            <span className="grow cut">{entry.actor.name ?? entry.actor.kind}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
