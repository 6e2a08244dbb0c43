import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { getTree, listSettings } from "../api/operations";
import { useAllowed } from "../api/session";
import type { SettingItem } from "../api/types";
import { FilterBar } from "../components/FilterBar";
import { WordPicker } from "../components/Menu";
import { RetentionDialog } from "../components/retention/RetentionDialog";
import { RetentionList } from "../components/retention/RetentionList";
import { SweepCard } from "../components/retention/SweepCard";
import { Empty, Loading, Trouble } from "../components/States";
import { branches, pathOfNode } from "../lib/people";
import { isRetention } from "../lib/retention";
import { useTitle } from "../lib/useTitle";
import "../styles/retention.css";
import "../styles/settings.css";

const route = getRouteApi("/shell/settings/retention");
const WHOLE = "organisation";

/** How long what is kept, for whom, because of what; and the sweep that erases what is due. */
export default function Retention() {
  useTitle("Retention");
  const { at } = route.useSearch();
  const navigate = route.useNavigate();
  const [changing, setChanging] = useState<SettingItem | null>(null);
  // Whoever may only shorten is told by the server what would become longer.
  const mayShorten = useAllowed("retention.shorten");
  const [mayWhole, mayBelow] = [useAllowed("setting.write.business"), useAllowed("setting.write.below")];
  const may = {
    whole: mayWhole || mayShorten,
    below: mayBelow || mayShorten,
    sweep: useAllowed("retention.read"),
    tree: useAllowed("tree.read"),
  };
  const list = useQuery({
    queryKey: ["settings", "at", at ?? null],
    queryFn: ({ signal }) => listSettings(signal, at ?? null),
  });
  const tree = useQuery({
    queryKey: ["tree"],
    queryFn: ({ signal }) => getTree(signal),
    enabled: may.tree,
    staleTime: 60_000,
  });
  const nodes = tree.data?.items ?? [];
  const items = (list.data?.items ?? []).filter(({ name }) => isRetention(name));
  const places = [
    { id: WHOLE, text: "the organisation" },
    ...branches(nodes)
      .filter(({ node }) => node.kind !== "team")
      .map(({ node }) => ({ id: node.id, text: pathOfNode(nodes, node.id) ?? node.name, note: node.kind })),
  ];
  const placeName = places.find(({ id }) => id === (at ?? WHOLE))?.text ?? "this place";
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Retention</h1>
          <p>
            How long what is kept, from the end of its capture. What is older is erased for good by itself,
            with a signed receipt. A nearer place can keep it for a shorter time, never for a longer one.
          </p>
        </div>
      </header>
      <div className="stack">
        {may.sweep && <SweepCard />}
        {places.length > 1 && (
          <FilterBar
            label="Where"
            sentence={
              <>
                What holds in{" "}
                <WordPicker
                  label="Place"
                  choices={places}
                  chosen={at ?? WHOLE}
                  hit={at !== undefined}
                  onChoose={(id) => void navigate({ search: id === WHOLE ? {} : { at: id }, replace: true })}
                />
              </>
            }
          />
        )}
        {list.isPending && <Loading />}
        {list.error && !list.data && (
          <Trouble
            error={list.error}
            what="How long things are kept"
            retry={() => void list.refetch()}
            slim
          />
        )}
        {list.isSuccess && items.length === 0 && (
          <Empty slim title="There is nothing to set here">
            <p>This server says nothing of how long things are kept in {placeName}.</p>
          </Empty>
        )}
        {items.length > 0 && (
          <RetentionList
            items={items}
            label={`How long what is kept in ${placeName}`}
            onChange={(at === undefined ? may.whole : may.below) ? setChanging : null}
            level={at === undefined ? "organisation" : at.startsWith("dom_") ? "domain" : "project"}
          />
        )}
      </div>
      {changing && list.data && (
        <RetentionDialog
          setting={changing}
          place={at ?? null}
          placeName={placeName}
          version={list.data.version}
          onClose={() => setChanging(null)}
        />
      )}
    </div>
  );
}
