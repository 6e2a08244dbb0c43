import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Erasure, ErasureReceipt } from "../../api/types";
import {
  checkReceipt,
  progressWords,
  reached,
  receiptFile,
  type Signature,
  stages,
} from "../../lib/erasures";
import { formatCount, formatMoment, shorten } from "../../lib/format";
import { readReceipt } from "../../lib/receiptText";
import { saveText } from "../../lib/saveText";
import { CodeText } from "../CodeText";
import { CopyButton } from "../CopyButton";
import { Icon } from "../Icon";

/** An erasure whole: its way with the times, what it waits for, and its receipt. */
export function ErasureFacts({ erasure }: { erasure: Erasure }) {
  const done = reached(erasure);
  const next = (index: number) => index === done && erasure.waits_for !== null;
  return (
    <>
      <ol className="way">
        {stages(erasure).map((stage, index) => (
          <li
            key={stage.name}
            className={next(index) ? "to-come waits" : stage.at === null ? "to-come" : undefined}
          >
            <b>{stage.name}</b>
            <span className="small num">{stage.at === null ? "still to come" : formatMoment(stage.at)}</span>
            <span className="small ink2">{stage.means}</span>
          </li>
        ))}
      </ol>
      <p className="small ink2 num how-much">{progressWords(erasure)}</p>
      {erasure.waits_for !== null && (
        <p className="note attn">
          <Icon name="clock" />
          <span>
            <b>It waits.</b> <CodeText text={erasure.waits_for} />
          </span>
        </p>
      )}
      <div className="proof-of">
        {erasure.receipt === null ? (
          <p className="ink2">
            The receipt is signed when the check found nothing. It is made by itself; nobody has to do
            anything.
          </p>
        ) : (
          <Proof erasure={erasure} receipt={erasure.receipt} />
        )}
        <p className="small ink2">
          Who asked and why is{" "}
          <Link className="link num" to="/trust/audit" search={{ entry: erasure.entry }}>
            entry {formatCount(erasure.entry)}
          </Link>{" "}
          of the audit log. Erasure <code>{erasure.id}</code> of <code>{erasure.target}</code>.
        </p>
      </div>
    </>
  );
}

function Proof({ erasure, receipt }: { erasure: Erasure; receipt: ErasureReceipt }) {
  const checked = useQuery({
    queryKey: ["receipt", receipt.signature],
    queryFn: () => checkReceipt(receipt),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const said = readReceipt(receipt.text);
  return (
    <>
      {checked.data && <SignatureLine signature={checked.data} receiptKey={receipt.key} />}
      {said && (
        <p>
          {said.keys === 1 ? "One key was" : `${formatCount(said.keys)} keys were`} destroyed and{" "}
          {said.objects === 1 ? "one object" : `${formatCount(said.objects)} objects`} removed.{" "}
          {said.assurance}
        </p>
      )}
      <div className="row">
        <button
          type="button"
          className="b"
          onClick={() => saveText(`receipt-${erasure.id}.json`, receiptFile(receipt))}
        >
          <Icon name="download" />
          Save the receipt
        </button>
        <CopyButton text={receipt.key} label="Copy the key" />
      </div>
      <div>
        <p className="small ink2">
          To check it elsewhere, without this server: write down the key today, and later
        </p>
        <ol className="small ink2">
          <li>
            see that <code>key</code> in the file is the one you wrote down;
          </li>
          <li>
            check <code>signature</code> with Ed25519 over the line <code>clerestory erasure receipt 1</code>,
            a line feed, and <code>text</code> byte for byte as it stands;
          </li>
          <li>
            read <code>text</code>: what was erased, when, which keys, and what would defeat it.
          </li>
        </ol>
      </div>
    </>
  );
}

function SignatureLine({ signature, receiptKey }: { signature: Signature; receiptKey: string }) {
  switch (signature) {
    case "good":
      return (
        <p className="note live">
          <Icon name="check" />
          <span>
            This browser checked the signature: the receipt is as it was signed with the key{" "}
            <code>{shorten(receiptKey, 10, 6)}</code>.
          </span>
        </p>
      );
    case "bad":
      return (
        <p className="note danger">
          <Icon name="warn" />
          <span>
            <b>The signature does not fit the receipt.</b> It is not as it was signed. Save it as it is, and
            compare it with one that was saved earlier.
          </span>
        </p>
      );
    case "unknown":
      return <p className="ink2">This browser cannot check signatures of this kind.</p>;
  }
}
