// The overview: what waits for somebody, in one list; each line leads to where it is mended.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";

export const name = "overview";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const [me] = people(info);
  const browser = await t.browser();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  await api.post("/people", { name: "Iris Vale", email: "iris@fernwick.example", role: "member" });
  const wrong = new Api(info);
  for (let n = 0; n < 3; n += 1) {
    const { status } = await wrong.request("POST", "/session", {
      body: { email: me.email, password: `not the password, try ${n}` },
    });
    assert.equal(status, 401);
  }

  await page.goto(`${info.console}/recordings`);
  await page
    .getByRole("navigation", { name: "Main", exact: true })
    .getByRole("link", { name: "Trust" })
    .click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByText("You sign in by your password alone.").waitFor();
  await page.getByText("1 person was invited and has not come.").waitFor();
  await page.getByText("Iris Vale.").waitFor();
  await page.getByText("3 sign-ins were refused in the last 7 days.").waitFor();
  await page.getByText("No program has a key.").waitFor();
  await page.getByText("No hold waits for you.").waitFor();
  await page.getByText("What is due is erased in its time.").waitFor();
  await page.screenshot({ path: t.picture("overview") });

  const line = (words) => page.getByRole("listitem").filter({ hasText: words });
  await line("was invited").getByRole("link").click();
  await page.getByRole("button", { name: "Iris Vale", exact: true }).waitFor();
  await page.goBack();
  await line("sign-ins were refused").getByRole("link").click();
  await page.getByText("session sign in").first().waitFor();

  // A member is shown what is about themselves, and is refused nothing they did not ask for.
  const member = people(info).find((one) => one.role === "member");
  const juno = new Api(info);
  await juno.post("/session", { email: member.email, password: member.password });
  const other = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(other, juno, info);
  const theirs = await other.newPage();
  theirs.on("pageerror", (error) => errors.push(error.message));
  await theirs.goto(`${info.console}/trust/overview`);
  await theirs.getByText("You sign in by your password alone.").waitFor();
  assert.equal(await theirs.getByRole("main").getByRole("listitem").count(), 1, "a member sees more lines");
  const { items } = await api.get("/audit?outcome=refused&limit=50");
  assert.deepEqual(
    items.filter((entry) => entry.action !== "session.sign_in").map((entry) => entry.action),
    [],
    "the page asked for what it may not have",
  );
  assert.deepEqual(errors, [], "the console threw");
}
