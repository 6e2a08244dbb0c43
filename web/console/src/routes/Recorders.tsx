import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { endRecorder, listRecorders, offerRecorder, type RecorderItem } from "../api/recorders";
import { Icon } from "../components/Icon";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { ago, formatDate } from "../lib/format";
import { notify } from "../lib/notices";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/settings.css";

/** Browsers that record screens: one's own, and whose one may see; ending them, and a code for one more. */
export default function Recorders() {
  useTitle("Screen recorders");
  const navigate = useNavigate();
  const recorders = useQuery({ queryKey: ["recorders"], queryFn: ({ signal }) => listRecorders(signal) });
  const offer = useMutation({
    mutationFn: offerRecorder,
    onSuccess: ({ code }) => void navigate({ to: "/enrol", hash: `code=${code}` }),
  });
  const items = recorders.data?.items ?? [];
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Screen recorders</h1>
          <p>
            Browsers with the extension that records what you show it. Each records the screen of the one
            person who let it, and nothing before they were shown the notice.
          </p>
        </div>
        <button type="button" className="b lead" disabled={offer.isPending} onClick={() => offer.mutate()}>
          Let a browser join
        </button>
      </header>
      {offer.error && (
        <p className="note danger" role="alert">
          <Icon name="warn" />
          <span>{explain(offer.error).lines.join(" ")}</span>
        </p>
      )}
      {recorders.isPending && <Loading />}
      {recorders.error && (
        <Trouble error={recorders.error} what="The list" retry={() => void recorders.refetch()} slim />
      )}
      {recorders.isSuccess && items.length === 0 && (
        <Empty slim title="No browser records a screen">
          <p>Install the extension in the browser you want to record with, and let it join from here.</p>
        </Empty>
      )}
      {items.length > 0 && (
        <ul className="card lines">
          {items.map((item) => (
            <Line key={item.id} item={item} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Line({ item }: { item: RecorderItem }) {
  const now = useNow(60_000);
  const end = useMutation({
    mutationFn: () => endRecorder(item.id),
    onSuccess: () => notify(`${item.label} records no more.`),
    onError: (error) =>
      notify(`${item.label} still records. ${explain(error).lines.join(" ")}`, { failed: true }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["recorders"] }),
  });
  const used = item.last_used_at === null ? "never used" : `used ${ago(item.last_used_at, now)}`;
  return (
    <li>
      <Icon name="window" />
      <span className="grow">
        <b>{item.label}</b>
        <span className="small ink2">Records the screen of {item.person.name}.</span>
        <span className="small ink3 num">
          Joined on {formatDate(item.enrolled_at)}, {used}
        </span>
      </span>
      <button
        type="button"
        className="b s end"
        aria-label={`End ${item.label}`}
        disabled={end.isPending}
        onClick={() => end.mutate()}
      >
        End
      </button>
    </li>
  );
}
