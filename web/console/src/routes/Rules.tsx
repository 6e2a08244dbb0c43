import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { listSettings } from "../api/operations";
import { useAllowed } from "../api/session";
import type { SettingItem } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import { Icon } from "../components/Icon";
import { Loading, Trouble } from "../components/States";
import { SettingDialog } from "../components/settings/SettingDialog";
import { SettingFacts } from "../components/settings/SettingFacts";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { isRetention } from "../lib/retention";
import { moveRow } from "../lib/rows";
import { groupOf, noteWords, originOf, valueWords } from "../lib/settings";
import { useTitle } from "../lib/useTitle";
import "../styles/recordings.css";
import "../styles/rules.css";

const route = getRouteApi("/shell/settings/rules");
const help = {
  title: "Rules",
  lines: [
    { keys: ["J", "K"], does: "Next and previous rule" },
    { keys: ["Enter"], does: "Open or close it" },
  ],
};

/** Every rule of the organisation: what holds, where that comes from, and what a change of it would do. */
export default function Rules() {
  useTitle("Rules");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const { open } = route.useSearch();
  const navigate = route.useNavigate();
  const mayChange = useAllowed("setting.write.business");
  const [changing, setChanging] = useState<SettingItem | null>(null);
  const list = useQuery({ queryKey: ["settings"], queryFn: ({ signal }) => listSettings(signal) });
  // What a shorter time erases is shown where retention is.
  const change = (setting: SettingItem) =>
    isRetention(setting.name)
      ? void navigate({ to: "/settings/retention", search: {} })
      : setChanging(setting);
  const groups = useMemo(() => grouped(list.data?.items ?? []), [list.data]);
  return (
    <div className="recs">
      <header className="fh">
        <h1>Rules</h1>
        <p className="ink2">
          What holds in the whole organisation, and where that comes from. A change holds from the next
          request on, and everything that was said before stays readable.
        </p>
      </header>
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="The rules" retry={() => void list.refetch()} />
      )}
      {groups.map(([name, items]) => (
        <section key={name} aria-label={name} className="rules">
          <h2>{name}</h2>
          <DataTable<SettingItem>
            label={name}
            columns={columns}
            rows={items}
            rowKey={(setting) => setting.name}
            rowLabel={(setting) => setting.name}
            detail={(setting) => (
              <SettingFacts setting={setting} onChange={mayChange ? () => change(setting) : null} />
            )}
            openKey={open ?? null}
            onOpen={(key) => void navigate({ search: key === null ? {} : { open: key }, replace: true })}
          />
        </section>
      ))}
      {changing && list.data && (
        <SettingDialog setting={changing} version={list.data.version} onClose={() => setChanging(null)} />
      )}
    </div>
  );
}

function grouped(items: readonly SettingItem[]): [string, SettingItem[]][] {
  const groups = new Map<string, SettingItem[]>();
  for (const setting of items) {
    const name = groupOf(setting.name);
    groups.set(name, [...(groups.get(name) ?? []), setting]);
  }
  return [...groups];
}

const columns: readonly Column<SettingItem>[] = [
  {
    id: "name",
    head: "Rule",
    kind: "wide",
    cell: (setting) => (
      <span className="rule">
        <b>{noteWords(setting)}</b> <code className="ink3">{setting.name}</code>
      </span>
    ),
  },
  {
    id: "value",
    head: "Holds",
    cell: (setting) => (
      <span className="nowrap">
        <b>{valueWords(setting.kind, setting.value)}</b>
        {setting.doubtful && (
          <span className="tag danger">
            <Icon name="warn" />
            not readable
          </span>
        )}
      </span>
    ),
  },
  {
    id: "from",
    head: "Because",
    kind: "aside",
    cell: (setting) => <span className="ink2 nowrap">{originOf(setting)}</span>,
  },
];
