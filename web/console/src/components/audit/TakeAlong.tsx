import { useMutation } from "@tanstack/react-query";
import { exportAudit } from "../../api/operations";
import { useAllowed } from "../../api/session";
import { type AuditSearch, auditQuery } from "../../lib/auditFilter";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

/** The log as a file: lines of JSON, CSV and the checkpoint, of the period that the list shows. It is on record. */
export function TakeAlong({ search }: { search: AuditSearch }) {
  const may = useAllowed("audit.export");
  const take = useMutation({
    mutationFn: async () => {
      const { from } = auditQuery(search, new Date());
      save(await exportAudit({ from }));
    },
  });
  if (!may) return null;
  if (needsStepUp(take.error)) {
    return <StepUp goOn="Take it along" onProven={() => take.mutate()} onCancel={() => take.reset()} />;
  }
  return (
    <div>
      <button type="button" className="b s" disabled={take.isPending} onClick={() => take.mutate()}>
        <Icon name="download" />
        {take.isPending ? "Being made" : "Take it along"}
      </button>
      {take.error && <Wrong error={take.error} what="The log was not handed out." />}
    </div>
  );
}

function save(file: Blob): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = `clerestory-audit-${new Date().toISOString().slice(0, 10)}.zip`;
  link.click();
  // The browser has read it by then, or it never will.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
