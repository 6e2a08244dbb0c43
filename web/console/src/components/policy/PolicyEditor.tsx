import { useEffect, useMemo, useRef, useState } from "react";
import type { PolicyDocument, Site, SitePolicy } from "../../api/types";
import { documentOf, rebased, sameDraft } from "../../lib/policyDraft";
import { usePreview } from "../../lib/usePreview";
import { useSize } from "../../lib/useSize";
import { EditorHead } from "./EditorHead";
import { LeaveQuestion } from "./LeaveQuestion";
import { LeavesPane } from "./LeavesPane";
import { PagePane } from "./PagePane";
import { RuleRail } from "./RuleRail";
import { useCheck } from "./useCheck";
import { Wall } from "./Wall";

/** How wide the page thinks its window is, in CSS pixels. Both sides are drawn at this width and scaled alike. */
const PAGE_WIDTH = 1100;

interface PolicyEditorProps {
  site: Site;
  policy: SitePolicy;
  /** The path shown in the frame. */
  page: string;
  onPage: (path: string) => void;
}

/** A draft that was thrown away, and what it was begun from. */
interface Discarded {
  base: PolicyDocument;
  draft: PolicyDocument;
}

/** Two sides and the wall between them; picking on the left changes the draft, and the right shows it. */
export function PolicyEditor({ site, policy, page, onPage }: PolicyEditorProps) {
  const signed = useMemo(() => documentOf(policy.current), [policy.current]);
  const [base, setBase] = useState<PolicyDocument>(signed);
  const [draft, setDraft] = useState<PolicyDocument>(signed);
  const [discarded, setDiscarded] = useState<Discarded | null>(null);
  // Somebody signed another version: the draft goes on from there.
  if (base !== signed) {
    setBase(signed);
    setDraft(rebased(base, draft, signed));
  }
  const [picking, setPicking] = useState(false);
  const [side, setSide] = useState<"page" | "out">("page");
  const [rule, setRule] = useState("");
  const frame = useRef<HTMLIFrameElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const origin = site.origins[0] ?? "";
  const { state } = usePreview(frame, origin, draft, picking);
  // A pick ends picking: the page can be used again, and its outline is in no picture of what leaves.
  useEffect(() => {
    if (state.picked) setPicking(false);
  }, [state.picked]);
  const changeDraft = (next: PolicyDocument) => {
    setPicking(false);
    setDiscarded(null);
    setDraft(next);
  };
  const discard = () => {
    changeDraft(signed);
    setDiscarded({ base: signed, draft });
  };
  const changed = !sameDraft(draft, signed);
  const check = useCheck(site.id, draft, changed);
  const scale = size.width > 0 ? size.width / PAGE_WIDTH : 1;
  const view = { width: PAGE_WIDTH, height: Math.round(size.height / scale), scale };
  return (
    <div className="cap">
      <LeaveQuestion changed={changed} />
      <EditorHead
        site={site}
        draft={draft}
        current={policy.current.version}
        changed={changed}
        check={check}
        onDiscard={discard}
        onUndo={discarded && (() => changeDraft(rebased(discarded.base, discarded.draft, signed)))}
        onSigned={setDraft}
      />
      <nav className="flip seg" aria-label="Side to show">
        <button type="button" aria-pressed={side === "page"} onClick={() => setSide("page")}>
          The page
        </button>
        <button type="button" aria-pressed={side === "out"} onClick={() => setSide("out")}>
          What leaves
        </button>
      </nav>
      <div className="work" data-side={side}>
        <PagePane
          ref={frame}
          box={box}
          origin={origin}
          page={page}
          shown={state.url}
          view={view}
          picking={picking}
          onPick={setPicking}
          onPage={onPage}
        />
        <Wall pieces={state.pieces} view={view} picked={state.picked?.rect ?? null} />
        <LeavesPane state={state} origin={origin} />
        <RuleRail
          draft={draft}
          state={state}
          versions={policy.versions}
          check={check}
          changed={changed}
          rule={rule}
          onRule={setRule}
          onDraft={changeDraft}
        />
      </div>
    </div>
  );
}
