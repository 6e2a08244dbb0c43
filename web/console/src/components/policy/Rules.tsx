import { type FormEvent, type ReactNode, useState } from "react";
import type { PolicyDocument } from "../../api/types";
import { plural } from "../../lib/format";
import { type UrlList, WAYS, type Way, withRule, withUrl } from "../../lib/policyDraft";
import { Icon } from "../Icon";

const paneOf: Record<Way, string> = { exclude: "shut", mask: "mask", unmask: "show" };
const verbOf: Record<Way, string> = { exclude: "Exclude", mask: "Mask", unmask: "Show" };

interface RulesProps {
  draft: PolicyDocument;
  onDraft: (draft: PolicyDocument) => void;
  onRule: (rule: string) => void;
}

/** Every rule of the draft: elements, media, addresses. */
export function Rules({ draft, onDraft, onRule }: RulesProps) {
  const count = WAYS.reduce((sum, way) => sum + draft[way].length, 0);
  const allowed = draft.media === "allowed";
  return (
    <section>
      <h2>
        In this draft <span className="ink3 small num">{plural(count, "rule")}</span>
      </h2>
      <ul className="rules small">
        {WAYS.flatMap((way) =>
          draft[way].map((rule) => (
            <li key={`${way} ${rule}`}>
              <i className={`w ${paneOf[way]}`} />
              <button type="button" className="linkish" onClick={() => onRule(rule)}>
                <span className="vh">{verbOf[way]} </span>
                <code>{rule}</code>
              </button>
              <Remove what={`${verbOf[way]} ${rule}`} onRemove={() => onDraft(withRule(draft, rule, null))} />
            </li>
          )),
        )}
      </ul>
      <div className="swl small">
        <span id="media-label">Images and canvas leave as they are</span>
        <button
          type="button"
          className="sw"
          role="switch"
          aria-checked={allowed}
          aria-labelledby="media-label"
          onClick={() => onDraft({ ...draft, media: allowed ? "blocked" : "allowed" })}
        />
      </div>
      <Urls draft={draft} onDraft={onDraft} list="deny" title="Never on these pages" />
      <Urls draft={draft} onDraft={onDraft} list="allow" title="Only on these pages" />
    </section>
  );
}

interface UrlsProps {
  draft: PolicyDocument;
  onDraft: (draft: PolicyDocument) => void;
  list: UrlList;
  title: string;
}

function Urls({ draft, onDraft, list, title }: UrlsProps) {
  const [typed, setTyped] = useState("");
  const add = (event: FormEvent) => {
    event.preventDefault();
    const pattern = typed.trim();
    if (!pattern.startsWith("/")) return;
    onDraft(withUrl(draft, list, pattern, true));
    setTyped("");
  };
  return (
    <UrlBlock title={title}>
      {draft.urls[list].map((pattern) => (
        <li key={pattern}>
          <Icon name={list === "deny" ? "gap" : "page"} small />
          <code>{pattern}</code>
          <Remove
            what={`${title}: ${pattern}`}
            onRemove={() => onDraft(withUrl(draft, list, pattern, false))}
          />
        </li>
      ))}
      <li>
        <form className="adds grow" onSubmit={add}>
          <label className="field">
            <input
              aria-label={`${title}: path`}
              placeholder={list === "deny" ? "/account/cards/**" : "/shop/**"}
              value={typed}
              spellCheck={false}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
          <button
            type="submit"
            className="b s"
            disabled={!typed.trim().startsWith("/")}
            aria-label={`Add to: ${title}`}
          >
            <Icon name="plus" />
          </button>
        </form>
      </li>
    </UrlBlock>
  );
}

function UrlBlock({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <h3 className="small ink2 urlh">{title}</h3>
      <ul className="rules small">{children}</ul>
    </>
  );
}

function Remove({ what, onRemove }: { what: string; onRemove: () => void }) {
  return (
    <button type="button" className="ib s" aria-label={`Remove: ${what}`} onClick={onRemove}>
      <svg className="i i-s" viewBox="0 0 16 16" aria-hidden="true">
        <path d="m4.500 4.500 7 7M11.500 4.500l-7 7" />
      </svg>
    </button>
  );
}
