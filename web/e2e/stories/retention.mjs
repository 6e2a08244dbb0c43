// Retention in the console: what another time would do is told before it is said, then it holds; a project keeps for less
// than the organisation.
import assert from "node:assert/strict";
import { shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";

export const name = "retention";

/** A page as rrweb writes it. */
function events() {
  const at = Date.now() - 60_000;
  const line = { type: 2, tagName: "p", attributes: {}, childNodes: [], id: 5 };
  const body = { type: 2, tagName: "body", attributes: {}, childNodes: [line], id: 4 };
  const head = { type: 2, tagName: "head", attributes: {}, childNodes: [], id: 3 };
  const html = { type: 2, tagName: "html", attributes: {}, childNodes: [head, body], id: 2 };
  const node = { type: 0, childNodes: [html], id: 1 };
  return [
    { type: 4, data: { href: "https://desk.example/", width: 800, height: 600 }, timestamp: at },
    { type: 2, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp: at + 1 },
    { type: 3, data: { source: 3, id: 1, x: 0, y: 10 }, timestamp: at + 2000 },
  ];
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const [me] = people(info);
  await api.request("POST", "/session/step-up", { body: { password: me.password } });
  const site = await api.shopSite();
  for (let n = 0; n < 3; n += 1) await api.post(`/sites/${site.id}/imports`, events());
  const browser = await t.browser();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const kept = async (node = "") => {
    const { items } = await api.get(`/settings${node === "" ? "" : `?node=${node}`}`);
    return items.find((one) => one.name === "retention.replay").value;
  };

  await page.goto(`${info.console}/settings/retention`);
  const line = page.getByRole("listitem").filter({ hasText: "web sessions" });
  await line.getByText("90 days", { exact: true }).waitFor();
  await line.getByRole("button", { name: /Change…/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Kept in the organisation for").fill("30 days");
  await dialog.getByLabel("Why").fill("agreed with the staff council");
  await dialog.getByRole("button", { name: "See what it erases" }).click();
  await dialog.getByText("Nothing that is there now would be due at once.").waitFor();
  const due = await dialog.getByRole("definition").allInnerTexts();
  assert.deepEqual(
    due.map((text) => text.trim()),
    ["0", "3"],
    "not all would be due within thirty days",
  );
  await page.screenshot({ path: t.picture("effect") });
  assert.equal(await kept(), "P90D", "said too early");
  await dialog.getByRole("button", { name: "Say it" }).click();
  await line.getByText("30 days", { exact: true }).waitFor();
  await line.getByText(/agreed with the staff council/).waitFor();
  assert.equal(await kept(), "P30D");

  // A project of it keeps for less.
  const { items: nodes } = await api.get("/tree");
  const project = nodes.find((node) => node.kind === "project");
  await page.goto(`${info.console}/settings/retention?at=${project.id}`);
  await line.getByText("30 days", { exact: true }).waitFor();
  await line.getByRole("button", { name: /Change…/ }).click();
  await dialog.getByLabel(/^Kept in .* for$/).fill("20");
  await dialog.getByRole("button", { name: "See what it erases" }).click();
  await dialog.getByRole("button", { name: "Say it" }).click();
  await line.getByText("20 days", { exact: true }).waitFor();
  await page.screenshot({ path: t.picture("project") });
  assert.equal(await kept(project.id), "P20D");
  assert.equal(await kept(), "P30D", "the project changed the organisation");
  assert.deepEqual(errors, [], "the console threw");
}
