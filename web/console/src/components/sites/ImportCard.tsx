import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ChangeEvent, useId } from "react";
import { ApiError } from "../../api/client";
import { importRecording } from "../../api/operations";
import type { ImportResult, Site } from "../../api/types";
import { plural } from "../../lib/format";
import { explain } from "../States";
import { needsStepUp, StepUp } from "../StepUp";

/** Brings in a recording made elsewhere with rrweb, as a JSON file. */
export function ImportCard({ site }: { site: Site }) {
  const id = useId();
  const bring = useMutation({ mutationFn: (file: File) => importRecording(site.id, file) });
  const asksProof = needsStepUp(bring.error) && bring.variables !== undefined;
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (file) bring.mutate(file);
    event.target.value = "";
  };
  return (
    <section className="card">
      <div className="sh">
        <h2 className="grow">Import a recording</h2>
        <label className="b s filebtn" htmlFor={id}>
          {bring.isPending ? "Importing" : "Choose a file"}
          <input
            className="vh"
            id={id}
            type="file"
            accept="application/json,.json"
            disabled={bring.isPending}
            aria-label="Choose a file to import"
            onChange={choose}
          />
        </label>
      </div>
      {asksProof && (
        <div className="body">
          <StepUp
            goOn="Import it"
            onProven={() => bring.mutate(bring.variables)}
            onCancel={() => bring.reset()}
          />
        </div>
      )}
      <div className="body" role="status">
        <p className="small ink2">
          rrweb events as JSON. They are made harmless, checked against this site's policy, and sealed like
          any other.
        </p>
        {bring.data && <Brought result={bring.data} />}
        {bring.error && !asksProof && <p className="small">It was not imported. {whyNot(bring.error)}</p>}
      </div>
    </section>
  );
}

/** Why a file was refused. What the server tells a recorder to do about a malformed batch is no help here. */
function whyNot(error: Error): string {
  if (error instanceof ApiError && error.slug === "segment-malformed") {
    const where = error.problem.detail === null ? "" : ` The server says: ${error.problem.detail}`;
    return `It holds no list of rrweb events. Choose a JSON file that does.${where}`;
  }
  return explain(error).lines.join(" ");
}

function Brought({ result }: { result: ImportResult }) {
  return (
    <div>
      <p>
        {plural(result.events, "event")} imported.{" "}
        <Link className="link" to="/recordings/$id" params={{ id: result.recording }} search={{}}>
          Open the recording
        </Link>
      </p>
      {result.dropped.map((drop) => (
        <p key={drop.reason} className="small ink2 num">
          {drop.count} left out: {drop.reason}
        </p>
      ))}
    </div>
  );
}
