// Further people and further sessions of the demo. Its ready line names them:
//   "people": [{ "email", "password", "organisation", "role" }, ...]
// The first is the one the sign-in link is for; one of another organisation is there for the tests of scopes.

/** Everyone the demo's ready line names. */
export function people(info) {
  if (!Array.isArray(info.people) || info.people.length === 0) {
    throw new Error("the demo's ready line names no people, so nobody can sign in a second time");
  }
  return info.people;
}

/** Someone of another organisation than the first person. */
export function stranger(info) {
  const [first, ...others] = people(info);
  const found = others.find((person) => person.organisation !== first.organisation);
  if (!found) throw new Error("the demo's ready line names nobody of another organisation");
  return found;
}

/** Signs in by password in a browser, as the same person the link is for. */
export async function secondSignIn(page, { info }) {
  const [first] = people(info);
  await page.goto(`${info.console}/sign-in`);
  await page.getByLabel("E-mail address").fill(first.email);
  await page.getByLabel("Password").fill(first.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/recordings/);
}
