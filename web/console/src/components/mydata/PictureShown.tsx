import { useMutation, useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { listSettings, saySetting } from "../../api/operations";
import { queryClient } from "../../queryClient";
import { Wrong } from "../Wrong";

const NAME = "user.picture.visibility";
const WORDS = [
  { word: "organisation", shown: "Whoever sees my name" },
  { word: "self", shown: "Nobody but me" },
] as const;

/** Who is shown one's picture: what one says oneself, unless the organisation says that nobody else is. */
export function PictureShown({ person }: { person: string }) {
  const id = useId();
  const queryKey = ["own-settings", person];
  const settings = useQuery({ queryKey, queryFn: ({ signal }) => listSettings(signal, person) });
  const say = useMutation({
    mutationFn: (word: string) =>
      saySetting(NAME, settings.data?.version ?? 0, { value: word, lock: "none", reason: "", node: person }),
    // Where somebody said something meanwhile, what they said is seen before the next try.
    onSettled: () => queryClient.invalidateQueries({ queryKey }),
  });
  if (settings.error) return <Wrong error={settings.error} what="Who sees your picture is not known." />;
  const found = settings.data?.items.find((item) => item.name === NAME);
  if (!found) return null;
  const hidden = found.steps.some((step) => step.place.level === "organisation" && step.value === "self");
  return (
    <div className="pad">
      <label className="small" htmlFor={id}>
        Who sees it
      </label>{" "}
      <select
        className="in"
        id={id}
        value={String(say.isPending ? say.variables : found.value)}
        disabled={hidden || say.isPending}
        onChange={(event) => say.mutate(event.currentTarget.value)}
      >
        {WORDS.map(({ word, shown }) => (
          <option key={word} value={word}>
            {shown}
          </option>
        ))}
      </select>
      {hidden && <p className="small ink2">Your organisation shows nobody&rsquo;s picture to others.</p>}
      {say.error && <Wrong error={say.error} what="It is as it was." />}
    </div>
  );
}
