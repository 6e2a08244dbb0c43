/** Leaving an organisation: what lies here and was not sent goes with it, and only after the person said so. */
import { plural } from "@clerestory/console/src/lib/format";
import type { Answered, Leaving, Left, ToWorker } from "../messages";
import { h } from "./dom";
import { endedText } from "./words";

const tell = (leaving: Leaving): Promise<Answered<Left | null>> =>
  chrome.runtime.sendMessage({ to: "worker", kind: "leave", ...leaving } satisfies ToWorker);

export function lossText({ segments, untold }: Left): string {
  const pieces =
    segments === 0 ? [] : [`${plural(segments, "piece")} on this computer that the server does not have`];
  const times =
    untold === 0
      ? []
      : [`the word about ${plural(untold, "time")} you threw away, which then stay on the server`];
  return `If you leave now, this is lost: ${[...pieces, ...times].join("; ")}.`;
}

export function leaveForm(): HTMLElement {
  const place = h("div", { class: "stack" });
  const said = h("div", { class: "stack", role: "alert" });
  const stay = () => said.replaceChildren();
  const choose = (text: string, yes: string, next: Leaving) =>
    said.replaceChildren(
      h("p", {}, text),
      h(
        "div",
        { class: "row" },
        h("button", { class: "b end grow", onclick: () => void go(next) }, yes),
        h("button", { class: "b grow", onclick: stay }, "Stay"),
      ),
    );
  const go = async (leaving: Leaving): Promise<void> => {
    said.replaceChildren(h("p", { class: "ink2" }, "Sending what waits here, and telling the server."));
    const answer = await tell(leaving);
    if ("refused" in answer) {
      const text = `${endedText(answer.refused)} Until somebody ends it in the console, it stays on the list there.`;
      choose(text, "Leave all the same", { ...leaving, isUnheard: true });
    } else if (answer.ok === null) location.reload();
    else choose(lossText(answer.ok), "Leave, and delete it", { ...leaving, isSure: true });
  };
  const first: Leaving = { isSure: false, isUnheard: false };
  place.append(h("button", { class: "b end", onclick: () => void go(first) }, "Leave"), said);
  return place;
}
