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

/** Someone of the first person's organisation, by their role. */
export function inRole(info, role) {
  const [first] = people(info);
  const found = people(info).find(
    (person) => person.organisation === first.organisation && person.role === role,
  );
  if (!found) throw new Error(`the demo's ready line names no ${role}`);
  return found;
}

/** Signs in by password in a browser. */
export async function signInAs(page, info, { email, password }) {
  await page.goto(`${info.console}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/recordings/);
}

/** Signs in by password in a browser, as the same person the link is for. */
export async function secondSignIn(page, { info }) {
  const [first] = people(info);
  await signInAs(page, info, first);
}

/** Opens an invitation as whoever it is for, who sets a password and comes in. */
export async function comeIn(page, link, password) {
  await page.goto(link);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("The same once more").fill(password);
  await page.getByRole("button", { name: "Set it and come in" }).click();
  await page.getByRole("heading", { name: /What Clerestory keeps about you/ }).waitFor();
}

/** Gives the proof that a dialog asks for, and goes on with what it is for. */
export async function prove(dialog, secret, goOn) {
  await dialog.getByLabel("Your password, or a code of your app").fill(secret);
  await dialog.getByRole("button", { name: goOn }).click();
}
