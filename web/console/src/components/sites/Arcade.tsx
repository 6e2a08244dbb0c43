import type { Session, Site } from "../../api/types";
import { ago } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { Icon, type IconName } from "../Icon";

interface ArcadeProps {
  session: Session;
  site: Site;
  /** When its first event came, or null while it is waited for. */
  received: string | null;
  since: number;
}

/** Five windows from nothing to a first look; the newest is lit. */
export function Arcade({ session, site, received, since }: ArcadeProps) {
  const now = useNow(1000);
  const waited = Math.max(0, Math.floor((now.getTime() - since) / 1000));
  const { organisation, person } = session;
  return (
    <ol className="arcade" aria-label="Five steps">
      <Step
        state="done"
        icon="people"
        name="Organisation"
        line={`${organisation.name}, you are ${person.role}`}
      />
      <Step
        state="done"
        icon="key"
        name="Keys"
        line={`Everything is sealed, in region ${organisation.region}`}
      />
      <Step state="done" icon="web" name="A site" line={site.name} />
      <Step
        state={received === null ? "waiting" : "lit"}
        icon="bolt"
        name="First event"
        line={received === null ? `Waiting for ${waited} s` : `Received ${ago(received, now)}`}
        current
      />
      <Step state="next" icon="play" name="Watch it" line="See yourself, on record" />
    </ol>
  );
}

interface StepProps {
  state: "done" | "lit" | "waiting" | "next";
  icon: IconName;
  name: string;
  line: string;
  current?: boolean;
}

function Step({ state, icon, name, line, current = false }: StepProps) {
  return (
    <li className={state} aria-current={current ? "step" : undefined}>
      <span className="arch">
        <Icon name={icon} />
      </span>
      <span className="awt">
        <b>{name}</b>
        <small className="num">{line}</small>
      </span>
    </li>
  );
}
