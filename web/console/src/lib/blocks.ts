/** What blocks keep out, in words. */
import type { PlaceBlock } from "../api/blocks";
import { plural } from "./format";
import type { OverviewLine } from "./overview";

/** What a block keeps out. */
export function placeWords({
  network,
  device,
  person,
}: Pick<PlaceBlock, "network" | "device" | "person">): string {
  if (network !== null) return `The network ${network}`;
  return `The browser ${device ?? ""}${person ? ` of ${person.name}` : ""}`;
}

/** How many run. They end by themselves, so there is nothing to do. */
export function blocksLine(blocks: readonly Pick<PlaceBlock, "runs" | "network">[]): OverviewLine {
  const running = blocks.filter(({ runs }) => runs);
  if (running.length === 0) return { level: "ok", sentence: "No network and no browser is kept out." };
  const networks = running.filter(({ network }) => network !== null).length;
  const parts = [
    networks > 0 ? plural(networks, "network") : null,
    running.length > networks ? plural(running.length - networks, "browser") : null,
  ].filter((part) => part !== null);
  const are = running.length === 1 ? "is" : "are";
  return { level: "ok", sentence: `${parts.join(" and ")} ${are} kept out for a time.` };
}
