import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { beginFactor, confirmFactor, removeFactor, renewRecoveryCodes } from "../../api/operations";
import { sessionQuery } from "../../api/session";
import type { Enrolment } from "../../api/types";
import { formatDate, plural } from "../../lib/format";
import { queryClient } from "../../queryClient";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

async function refresh(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ["factor"] });
  await queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 });
}

/** An authenticator app: set up, shown, renewed, removed. */
export function FactorCard({ since, left }: { since: string | null; left: number }) {
  const [codes, setCodes] = useState<string[] | null>(null);
  return (
    <section className="card sec">
      <h2>Authenticator app</h2>
      {since === null ? (
        <SetUp onCodes={setCodes} />
      ) : (
        <Running since={since} left={left} onCodes={setCodes} />
      )}
      {codes && <CodesDialog codes={codes} onClose={() => setCodes(null)} />}
    </section>
  );
}

function SetUp({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const begin = useMutation({ mutationFn: beginFactor });
  if (begin.data) return <Confirm enrolment={begin.data} onCodes={onCodes} />;
  return (
    <>
      <p className="ink2">
        You sign in by your password alone. With an app on your phone, whoever learns your password still
        cannot come in.
      </p>
      {begin.error && <Asking error={begin.error} goOn="Set it up" onProven={() => begin.mutate()} />}
      <p>
        <button type="button" className="b lead" disabled={begin.isPending} onClick={() => begin.mutate()}>
          Set up an app
        </button>
      </p>
    </>
  );
}

function Confirm({ enrolment, onCodes }: { enrolment: Enrolment; onCodes: (codes: string[]) => void }) {
  const confirm = useMutation({
    mutationFn: confirmFactor,
    onSuccess: async ({ recovery_codes }) => {
      onCodes(recovery_codes);
      await refresh();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get("code") ?? "");
    confirm.mutate(code.replaceAll(/\s/g, ""));
  };
  return (
    <form className="enrol" onSubmit={submit}>
      <img
        src={`data:image/svg+xml;base64,${btoa(enrolment.qr)}`}
        alt="What the app scans"
        width="176"
        height="176"
      />
      <div>
        <ol>
          <li>
            Scan the square with an authenticator app, or type this into it: <code>{enrolment.secret}</code>
          </li>
          <li>Write the six digits it shows into the field.</li>
        </ol>
        <div className="fld">
          <label htmlFor="factor-code">Six digits</label>
          <input
            className="in num"
            id="factor-code"
            name="code"
            autoComplete="one-time-code"
            inputMode="numeric"
            required
            aria-invalid={confirm.isError}
          />
        </div>
        {confirm.error && <Wrong error={confirm.error} what="The app is not set up yet." />}
        <p>
          <button type="submit" className="b lead" disabled={confirm.isPending}>
            Use this app
          </button>
        </p>
      </div>
    </form>
  );
}

interface RunningProps {
  since: string;
  left: number;
  onCodes: (codes: string[]) => void;
}

function Running({ since, left, onCodes }: RunningProps) {
  const renew = useMutation({
    mutationFn: renewRecoveryCodes,
    onSuccess: async ({ recovery_codes }) => {
      onCodes(recovery_codes);
      await refresh();
    },
  });
  const remove = useMutation({ mutationFn: removeFactor, onSuccess: refresh });
  return (
    <>
      <p>
        <Icon name="check" small /> Asked for since <span className="num">{formatDate(since)}</span>.{" "}
        {plural(left, "recovery code")} left.
      </p>
      {renew.error && <Asking error={renew.error} goOn="Make new codes" onProven={() => renew.mutate()} />}
      {remove.error && <Asking error={remove.error} goOn="Remove the app" onProven={() => remove.mutate()} />}
      <div className="row">
        <button type="button" className="b" disabled={renew.isPending} onClick={() => renew.mutate()}>
          Make new recovery codes
        </button>
        <button type="button" className="b end" disabled={remove.isPending} onClick={() => remove.mutate()}>
          Remove the app
        </button>
      </div>
    </>
  );
}

/** A refusal that a proof lifts asks for it; any other is told. */
function Asking({ error, goOn, onProven }: { error: Error; goOn: string; onProven: () => void }) {
  const [given, setGiven] = useState(false);
  if (!needsStepUp(error)) return <Wrong error={error} what="Nothing was changed." />;
  if (given) return null;
  return (
    <Dialog title="Prove that it is you" isOpen onClose={() => setGiven(true)}>
      <StepUp goOn={goOn} onProven={onProven} onCancel={() => setGiven(true)} />
    </Dialog>
  );
}

function CodesDialog({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  return (
    <Dialog title="Your recovery codes" isOpen onClose={onClose} alert>
      <p>
        Each works once in place of the app, for the day you have lost it. They are shown this once: write
        them down and keep them where your password is not.
      </p>
      <ul className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className="actions">
        <CopyButton text={codes.join("\n")} label="Copy them" />
        <button type="button" className="b lead" onClick={onClose}>
          I have written them down
        </button>
      </div>
    </Dialog>
  );
}
