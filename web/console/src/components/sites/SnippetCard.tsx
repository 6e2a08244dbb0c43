import type { Site } from "../../api/types";
import { useNow } from "../../lib/useNow";
import { CopyButton } from "../CopyButton";
import { Icon } from "../Icon";
import { Panes } from "../Panes";

const LISTENING = ["now", "a0", "a0", "a0", "a0", "a0"] as const;

interface SnippetCardProps {
  site: Site;
  since: number;
  received: boolean;
}

/** The snippet, whether anything has come of it, and what to look at where nothing does. */
export function SnippetCard({ site, since, received }: SnippetCardProps) {
  return (
    <section className="card">
      <div className="sh">
        <h2>Put this in the head of your pages</h2>
        <span className="grow" />
        <CopyButton text={site.snippet} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre className="snip" tabIndex={0}>
        {site.snippet}
      </pre>
      {!received && <Listening since={since} origin={site.origins[0]} />}
      <Hints site={site} />
    </section>
  );
}

function Listening({ since, origin }: { since: number; origin: string | undefined }) {
  const now = useNow(1000);
  const seconds = Math.max(0, Math.floor((now.getTime() - since) / 1000));
  return (
    <div className="listen">
      <Panes states={LISTENING} />
      <p>
        <b role="status">Waiting for your first event</b>
        <span className="num"> for {seconds} s.</span> Open{" "}
        {origin ? (
          <a className="link" href={origin} target="_blank" rel="noreferrer">
            {origin}
          </a>
        ) : (
          "the site"
        )}{" "}
        in another tab and click anything; it should arrive within 5 seconds.
      </p>
    </div>
  );
}

/** What stops a recorder most often. Stated, not checked: the server does not visit your pages. */
function Hints({ site }: { site: Site }) {
  const host = /src="([^"]+)\/capture\//.exec(site.snippet)?.[1];
  return (
    <ul className="hints small">
      <li>
        <Icon name="key" small />
        <span>
          The recorder works in a secure context only: https, or localhost. Elsewhere it stays off and says so
          in <code>window.clerestory.state</code>.
        </span>
      </li>
      {host && (
        <li>
          <Icon name="blind" small />
          <span>
            If your pages have a content policy, add <code>script-src {host}</code> and{" "}
            <code>connect-src {host}</code>.
          </span>
        </li>
      )}
      <li>
        <Icon name="web" small />
        <span>
          Only these origins may send: <code>{site.origins.join(", ")}</code>.
        </span>
      </li>
    </ul>
  );
}
