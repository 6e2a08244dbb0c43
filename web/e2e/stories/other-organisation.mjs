// For somebody of another organisation a recording looks like not existing, at every door.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { stranger } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";

export const name = "other-organisation";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  await visitShop(await browser.newContext(), info);
  const { id } = await onlyRecording(api);
  const { tracks } = await api.get(`/recordings/${id}`);
  const site = await api.shopSite();
  const play = await api.post(`/recordings/${id}/plays`, { reason: "End-to-end test" });

  const other = new Api(info);
  const { email, password } = stranger(info);
  await other.post("/session", { email, password });
  assert.deepEqual(await other.recordings(), [], "the list shows another organisation's recordings");
  const [track] = tracks;
  const doors = [
    ["GET", `/recordings/${id}`],
    ["GET", `/recordings/${id}/viewers`],
    ["GET", `/recordings/${id}/inside`],
    ["GET", `/recordings/${id}/inside/${track.id}/${track.segments[0].sequence}`],
    ["POST", `/recordings/${id}/plays`],
    ["GET", `/plays/${play.id}/tracks/${track.id}/segments/${track.segments[0].sequence}`],
    ["GET", `/plays/${play.id}/follow`],
    ["POST", `/plays/${play.id}/ranges`],
    ["GET", `/sites/${site.id}`],
    ["PATCH", `/sites/${site.id}`],
    ["POST", `/sites/${site.id}/key`],
    ["GET", `/sites/${site.id}/policy`],
    ["GET", `/sites/${site.id}/receipts`],
    ["POST", `/sites/${site.id}/imports`],
  ];
  const bodies = {
    "/ranges": { from_us: 0, to_us: 1 },
    "/plays": { reason: "curiosity" },
    "/imports": [],
    default: {},
  };
  const open = [];
  for (const [method, path] of doors) {
    const end = Object.keys(bodies).find((key) => path.endsWith(key)) ?? "default";
    const answer = await other.request(method, path, method === "GET" ? {} : { body: bodies[end] });
    if (answer.status !== 404)
      open.push(`${method} ${path.replaceAll(/_[0-9a-f]{32}/g, "_…")} answered ${answer.status}`);
  }
  assert.deepEqual(open, [], "some doors tell a stranger more than that there is nothing");
  // Their own refused attempts are on record with the ids they typed, and with nothing they did not know.
  const audit = await other.get("/audit?limit=100");
  const about = audit.items.filter((entry) => entry.object?.id === id);
  const told = about.filter(
    (entry) => entry.outcome !== "refused" || entry.object.label || entry.actor.name === null,
  );
  assert.deepEqual(told, [], "the stranger's audit says more of the recording than the id they asked for");
  const own = await api.get("/audit?limit=100");
  t.say(`${doors.length} doors, ${own.items.length} entries in the owner's audit`);
}
