/** The mock's erasures, their receipts, and what a person sees about themselves. Invented, like the rest of it. */
import { webcrypto } from "node:crypto";

const pair = await webcrypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const key = Buffer.from(await webcrypto.subtle.exportKey("raw", pair.publicKey)).toString("base64");

async function receiptOf(erasure) {
  const text = JSON.stringify({
    erasure: erasure.id,
    kind: erasure.kind,
    target: erasure.target,
    keys: [1, 2, 3].map((n) => `key_${String(n).repeat(32)}`),
    objects: 4,
    assurance: "one-disk",
    assurance_means:
      "Epoch secrets lie on one disk. Whoever kept a copy of that whole disk, made before the epochs were destroyed, can read what was erased with it.",
  });
  const signed = Buffer.from(`clerestory erasure receipt 1\n${text}`);
  const signature = Buffer.from(await webcrypto.subtle.sign("Ed25519", pair.privateKey, signed));
  return { text, signature: signature.toString("base64"), key };
}

/** The parts of the mock that have to do with erasing; `tools` are the mock's own helpers. */
export async function erasing(tools) {
  const { id, micro, ok, problem, record, actorOf, recordings, forced, detail } = tools;
  const start = Date.now();
  const proven = new Set();
  const erasures = [];
  const add = (kind, target, age, times = {}) => {
    const erasure = {
      id: id("era", `${target}${age}`),
      kind,
      target,
      state: "purge_queued",
      waits_for: null,
      entry: 60 + erasures.length,
      asked_at: micro(Date.now() - age),
      destroyed_at: null,
      verified_at: null,
      unreadable_in_every_copy_since: null,
      receipt: null,
      ...times,
    };
    erasures.unshift(erasure);
    return erasure;
  };
  const old = 12 * 864e5;
  add("subject", id("sub", 71), old, {
    state: "verified",
    destroyed_at: micro(start - old + 6e3),
    verified_at: micro(start - old + 36e5),
    unreadable_in_every_copy_since: micro(start - 4 * 864e5),
  });
  add("range", id("rec", 72), 864e5, {
    state: "verified",
    destroyed_at: micro(start - 864e5 + 6e3),
    verified_at: micro(start - 864e5 + 36e5),
  });
  add("recording", id("rec", 73), 36e5, {
    state: "shredded",
    destroyed_at: micro(start - 36e5 + 6e3),
    waits_for:
      "Files of the ingest log that held some of it are still there. They go when everything in them has moved.",
  });
  add("track", id("trk", 74), 4e3);
  for (const erasure of erasures) if (erasure.verified_at) erasure.receipt = await receiptOf(erasure);

  function mine(person) {
    const shown = recordings.filter((_, n) => n % 7 === 1).slice(0, 8);
    const items = (forced.mine === "empty" ? [] : shown).map((rec, n) => {
      const { viewers, tracks: _t, policy_version: _p, sealed_keys: _k, region: _r, ...item } = detail(rec);
      if (n === 0 && viewers[0]) viewers[0] = { ...viewers[0], ended_at: null };
      return { ...item, viewers };
    });
    const refused = tools.audit.filter((entry) => entry.outcome === "refused").slice(0, 2);
    const object = { kind: "person", id: person.id, label: null };
    const { number } = record(actorOf(person), "mine.read", "allowed", object);
    return ok({
      recordings: items,
      refused: forced.mine === "empty" ? [] : refused,
      next_cursor: null,
      entry: number,
    });
  }

  return function answer(method, path, body, person) {
    const route = `${method} ${path}`;
    if (route === "GET /my/data") return mine(person);
    if (route === "GET /erasures") {
      if (forced.erasures === "refused") {
        return problem(403, "refused", "You may not do this", "Your role does not allow it.", {
          rule: "matrix erasure.read manager none",
          entry: 18207,
          what_to_do: "An administrator can.",
        });
      }
      return ok({ items: forced.erasures === "empty" ? [] : erasures, next_cursor: null });
    }
    if (route === "POST /session/step-up") {
      if (body.password === "wrong") {
        return problem(403, "step-up-refused", "The password is wrong", "This is not your password.", {
          what_to_do: "Try again.",
        });
      }
      proven.add(person.id);
      return { status: 204, headers: {} };
    }
    const erase = /^\/(recordings|subjects)\/([^/]+)\/erasures$/.exec(path);
    if (method !== "POST" || !erase) return null;
    if (!proven.has(person.id) && forced.stepUp === "asked") {
      return problem(403, "step-up-required", "Prove once more that it is you", "This needs your password.");
    }
    const [, of, target] = erase;
    for (const rec of recordings) {
      if (of === "recordings" ? rec.id === target && !body.range : rec.subject.id === target) {
        Object.assign(rec, { state: "purge_queued", summary: null });
      }
    }
    const kind = of === "subjects" ? "subject" : body.range ? "range" : "recording";
    return ok(add(kind, target, 0), 202);
  };
}
