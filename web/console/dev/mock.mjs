/**
 * A stand-in for the server, for developing the console only. It is in no build and no package.
 * It serves the built console under the content policy the server sends, and the API with invented data.
 *
 *   node dev/mock.mjs [port] [folder of the built console]
 *
 * Signing in takes any password but "wrong"; "slow down" is answered as too many attempts. A person whose
 * address starts with "member" may list and not watch.
 * Other states: POST /__mock {"recordings": "empty" | "failed" | "refused" | "slow" | null,
 * "audit": "broken" | null, "receipts": "none" | null, "erasures": "empty" | "refused" | null,
 * "mine": "empty" | null, "stepUp": "asked" | null}.
 */
import { createHash, randomBytes, webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { erasing } from "./mock-erasing.mjs";
import { requesting } from "./mock-requests.mjs";

const port = Number(process.argv[2] ?? 8791);
const web = join(import.meta.dirname, "..", "..");
const dist = process.argv[3] ?? join(web, "console", "dist");
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  `frame-src http://127.0.0.1:${port} http://shop.localhost:${port}`,
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

// ---------------------------------------------------------------- invented data

let seed = 7;
const rnd = () => {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
};
const pick = (list) => list[Math.floor(rnd() * list.length)];
const id = (prefix, n) =>
  `${prefix}_${createHash("sha256").update(`${prefix}${n}`).digest("hex").slice(0, 32)}`;
const micro = (ms) => new Date(ms).toISOString().replace("Z", "000Z");

const people = [
  { id: id("psn", 1), name: "Mirel Hadley", initials: "MH", email: "mirel@fernwick.example", role: "admin" },
  {
    id: id("psn", 2),
    name: "Noor Castellan",
    initials: "NC",
    email: "noor@fernwick.example",
    role: "manager",
  },
  { id: id("psn", 3), name: "Tobias Renn", initials: "TR", email: "member@fernwick.example", role: "member" },
];
const ref = ({ id: i, name, initials }) => ({ id: i, name, initials });

const curve = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
  "sign",
  "verify",
]);
const policyKey = Buffer.from(await webcrypto.subtle.exportKey("raw", curve.publicKey)).toString("base64url");

const canonical = (value) =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(",")}]`
    : value !== null && typeof value === "object"
      ? `{${Object.keys(value)
          .sort()
          .map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`)
          .join(",")}}`
      : JSON.stringify(value);

async function signed(site, version, document) {
  const now = Date.now();
  const whole = {
    ...document,
    format: "clerestory-capture-policy/1",
    site,
    version,
    issued_at: micro(now),
    expires_at: micro(now + 864e5),
  };
  const bytes = Buffer.from(canonical(whole));
  const signature = await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, curve.privateKey, bytes);
  return {
    version,
    document: bytes.toString("base64url"),
    signature: Buffer.from(signature).toString("base64url"),
    key: policyKey,
    issued_at: whole.issued_at,
    expires_at: whole.expires_at,
  };
}

const start = Date.now();
const sites = [];
function addSite(n, name, origins, age, recordings) {
  const site = {
    id: id("sit", n),
    name,
    origins,
    site_key: `csw_${id("x", n).slice(2)}`,
    policy_version: 3,
    policy_key: policyKey,
    snippet: "",
    created_at: micro(start - age),
    first_event_at: recordings ? micro(start - age + 6e4) : null,
    last_event_at: recordings ? micro(start - 4e3) : null,
    recordings,
  };
  site.snippet = `<script src="http://localhost:${port}/capture/loader.js" data-site="${site.site_key}" data-key="${policyKey}" async></script>`;
  sites.push(site);
  return site;
}
const shop = addSite(1, "Shop", [`http://shop.localhost:${port}`], 9 * 864e5, 38);
addSite(
  2,
  "Order desk",
  ["https://desk.fernwick.example", "https://returns.fernwick.example"],
  40 * 864e5,
  12,
);
const document0 = {
  preset: "private",
  media: "blocked",
  exclude: ["#card-form", "[name=phone]"],
  mask: [".order-total"],
  unmask: ["nav", "h1", ".product-name"],
  urls: { deny: ["/account/cards/**"], allow: [] },
};
const policies = new Map();
for (const site of sites) {
  policies.set(site.id, {
    document: structuredClone(document0),
    versions: [
      {
        version: 3,
        at: 2 * 864e5,
        by: 0,
        direction: "tighter",
        changes: ["Exclude `[name=phone]` from capture.", "Mask `.order-total`."],
      },
      { version: 2, at: 6 * 864e5, by: 1, direction: "looser", changes: ["Show `.product-name` unmasked."] },
      { version: 1, at: 9 * 864e5, by: 0, direction: "first", changes: [] },
    ].map((x) => ({
      version: x.version,
      signed_at: micro(start - x.at),
      signed_by: { id: people[x.by].id, name: people[x.by].name },
      direction: x.direction,
      changes: x.changes,
    })),
  });
}

const first = [
  "Marble",
  "Slow",
  "Amber",
  "Quiet",
  "Hazel",
  "Copper",
  "Pale",
  "Early",
  "Distant",
  "Mild",
  "Tall",
];
const second = ["Finch", "Otter", "Wren", "Heron", "Pike", "Marten", "Linnet", "Vole", "Plover", "Dormouse"];
const paths = [
  "/",
  "/kitchen",
  "/kitchen/kettle",
  "/cart",
  "/checkout",
  "/checkout/payment",
  "/account",
  "/garden",
];

function panes(live) {
  const row = [];
  let level = 1;
  for (let n = 0; n < 48; n += 1) {
    level = Math.max(0, Math.min(4, level + Math.floor(rnd() * 3) - 1));
    row.push(`a${level}`);
  }
  if (rnd() < 0.3) for (let n = 0, at = Math.floor(rnd() * 40); n < 5; n += 1) row[at + n] = "gap";
  if (rnd() < 0.12) for (let n = 0, at = Math.floor(rnd() * 40); n < 3; n += 1) row[at + n] = "cut";
  if (live) row[47] = "now";
  return row;
}

const recordings = [];
for (let n = 0; n < 74; n += 1) {
  const live = n < 3;
  const length = live ? 30e3 + n * 260e3 : 20e3 + Math.floor(rnd() * rnd() * 20 * 60e3);
  const began = live ? start - length : start - (n - 2) * 3.1 * 36e5 - Math.floor(rnd() * 36e5);
  const site = rnd() < 0.75 ? sites[0] : sites[1];
  recordings.push({
    id: id("rec", n),
    source: "web",
    state: live ? "capturing" : "active",
    started_at: micro(began),
    ended_at: live ? null : micro(began + length),
    duration_us: length * 1000,
    size_bytes: Math.floor(length * 3.1),
    segments: Math.ceil(length / 5000),
    site: n === 9 ? null : { id: site.id, name: site.name },
    subject: { id: id("sub", n), label: `${pick(first)} ${pick(second)}` },
    summary:
      n === 4
        ? null
        : {
            title: "•••••",
            url: site.origins[0] + pick(paths),
            pages: 1 + Math.floor(rnd() * 14),
            clicks: Math.floor(rnd() * 60),
            inputs: Math.floor(rnd() * 9),
            errors: rnd() < 0.25 ? 1 + Math.floor(rnd() * 3) : 0,
          },
    panes: panes(live),
    kept_until: micro(began + (n % 11 === 5 ? 9 : 90) * 864e5),
    viewers: n % 4 === 1 ? [ref(people[1])] : n % 7 === 3 ? people.map(ref) : [],
    live,
  });
}
const liveNow = () => {
  for (const item of recordings) {
    if (!item.live) continue;
    item.duration_us = (Date.now() - Date.parse(item.started_at)) * 1000;
    item.segments = Math.ceil(item.duration_us / 5e6);
  }
};

const audit = [];

/** The ledger over the invented entries: RFC 6962, section 2.1, as it is written there. */
function ledgerProof(query) {
  const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const below = (n) => 2 ** Math.ceil(Math.log2(n) - 1);
  const salt = Buffer.alloc(16, 90);
  const label = Buffer.from("clerestory audit leaf 1");
  const leaf = (entry) => sha(Buffer.of(0), sha(label, salt, Buffer.from(entry.hash, "hex")));
  const leaves = audit.toReversed().map(leaf);
  const split = (all) => [all.slice(0, below(all.length)), all.slice(below(all.length))];
  const root = (all) => (all.length === 1 ? all[0] : sha(Buffer.of(1), ...split(all).map(root)));
  const path = (m, all) => {
    if (all.length === 1) return [];
    const [left, right] = split(all);
    return m < left.length ? [...path(m, left), root(right)] : [...path(m - left.length, right), root(left)];
  };
  const proof = (m, all, known) => {
    if (m === all.length) return known ? [] : [root(all)];
    const [left, right] = split(all);
    return m <= left.length
      ? [...proof(m, left, known), root(right)]
      : [...proof(m - left.length, right, false), root(left)];
  };
  const hex = (hashes) => hashes.map((hash) => hash.toString("hex"));
  const size = leaves.length;
  const since = Number(query.get("since") ?? 0);
  const at = Number(query.get("entry")) - 1;
  const name = "clerestory/00000000000000000000000000000000";
  return {
    checkpoint: `${name}\n${size}\n${root(leaves).toString("base64")}\n\n— ${name} AAAA\n`,
    key: `${name}+00000000+AQ==`,
    size,
    consistency: since > size ? null : since === 0 ? [] : hex(proof(since, leaves, true)),
    inclusion: leaves[at]
      ? { leaf: at, hash: audit.at(-1 - at).hash, salt: salt.toString("hex"), path: hex(path(at, leaves)) }
      : null,
  };
}

function record(actor, action, outcome, object, more = {}) {
  const previous = audit[0]?.hash ?? "0".repeat(64);
  const number = (audit[0]?.number ?? 0) + 1;
  const entry = {
    number,
    time: micro(more.at ?? Date.now()),
    action,
    class_uid: 6003,
    activity_id: 2,
    outcome,
    rule:
      outcome === "refused"
        ? "matrix recording.play member team"
        : outcome === "allowed"
          ? "matrix recording.play admin organisation"
          : null,
    actor,
    object,
    detail: more.detail ?? null,
    reason: more.reason ?? null,
    previous_hash: previous,
    hash: createHash("sha256").update(`${previous}${number}${action}`).digest("hex"),
    request_id: `req_${randomBytes(8).toString("hex")}`,
  };
  audit.unshift(entry);
  return entry;
}
const actorOf = (p) => ({ kind: "person", id: p.id, name: p.name });
const system = { kind: "system", id: null, name: null };
for (let n = 0; n < 120; n += 1) {
  const rec = recordings[n % recordings.length];
  const object = { kind: "recording", id: rec.id, label: rec.subject.label };
  const at = start - (120 - n) * 17 * 6e4;
  const who = people[n % 3];
  if (n % 9 === 4) {
    record(actorOf(people[2]), "recording.play", "refused", object, {
      at,
      detail: "A member may list recordings of the team and not watch them.",
    });
  } else if (n % 13 === 5) {
    record({ kind: "anonymous", id: null, name: null }, "session.sign_in", "failed", null, {
      at,
      detail: "Wrong password.",
    });
  } else if (n % 5 === 0)
    record(actorOf(who), "recording.play", "allowed", object, { at, reason: "support ticket FW-4812" });
  else if (n % 5 === 1)
    record(
      actorOf(who),
      "recording.list",
      "allowed",
      { kind: "organisation", id: null, label: null },
      { at },
    );
  else if (n % 5 === 2)
    record(system, "maintain.close", "allowed", object, { at, detail: "Silent for 30 minutes." });
  else if (n % 5 === 3)
    record({ kind: "site", id: shop.id, name: "Shop" }, "capture.start", "allowed", object, { at });
  else record(actorOf(who), "policy.edit", "allowed", { kind: "site", id: shop.id, label: "Shop" }, { at });
}

// ---------------------------------------------------------------- answers

const cookies = new Map();
const forced = {};
const receipts = new Map();

const problem = (status, slug, title, detail, more = {}) => ({
  status,
  headers: more.headers ?? {},
  body: {
    type: `urn:clerestory:problem:${slug}`,
    title,
    status,
    detail,
    what_to_do: more.what_to_do ?? null,
    request_id: `req_${randomBytes(8).toString("hex")}`,
    ...(more.rule ? { rule: more.rule, entry: more.entry } : {}),
    ...(more.errors ? { errors: more.errors } : {}),
  },
  type: "application/problem+json",
});
const ok = (body, status = 200, headers = {}) => ({ status, body, headers });

function sessionOf(person) {
  const allowed = ["recording.list", "recording.read", "site.list", "health.read"];
  if (person.role !== "member")
    allowed.push(
      "recording.play",
      "recording.inspect",
      "recording.import",
      "recording.erase",
      "subject.erase",
      "erasure.read",
      "request.manage",
      "audit.read",
      "site.manage",
      "policy.edit",
    );
  return {
    person: { ...ref(person), email: person.email, role: person.role },
    organisation: { id: id("org", 1), name: "Fernwick Goods", region: "eu-north" },
    allowed,
    content_origin: `http://127.0.0.1:${port}`,
    expires_at: micro(Date.now() + 8 * 36e5),
    must_enrol: false,
  };
}

function page(list, query, size) {
  const from = Number(query.get("cursor") ?? 0);
  const limit = Math.min(200, Number(query.get("limit") ?? size));
  return {
    items: list.slice(from, from + limit),
    next_cursor: from + limit < list.length ? String(from + limit) : null,
  };
}

function listRecordings(query, person) {
  if (forced.recordings === "failed") {
    return problem(
      503,
      "lease-expired",
      "Nothing can be opened now",
      "The key lease of this node ran out at 15:31:07 and could not be renewed. No recording is lost.",
      {
        what_to_do: "Wait a moment; the server renews it by itself.",
        headers: { "Retry-After": "4" },
      },
    );
  }
  if (forced.recordings === "refused") {
    return problem(
      403,
      "refused",
      "You may not list recordings",
      "Your role, Member, lists nothing in this organisation.",
      {
        what_to_do: "Mirel Hadley can change your role.",
        rule: "recording.list.member",
        entry: 18207,
      },
    );
  }
  liveNow();
  const q = (k) => query.get(k);
  const list = (forced.recordings === "empty" ? [] : recordings).filter(
    (r) =>
      (!q("site") || r.site?.id === q("site")) &&
      (q("state") ? r.state === q("state") : r.state !== "purge_queued") &&
      (!q("from") || r.started_at >= q("from")) &&
      (!q("min_duration_ms") || r.duration_us >= Number(q("min_duration_ms")) * 1000) &&
      (!q("watched") || r.viewers.length > 0 === (q("watched") === "yes")),
  );
  const entry = listEntry(q("continues"), person);
  if (entry === null) return problem(404, "not-found", "Nothing is here", "No entry of yours to go on with.");
  return ok({ ...page(list, query, 50), entry });
}

/** The entry an answer stands on: a new one, or one of the last quarter of an hour that the caller names. */
function listEntry(continues, person) {
  if (continues === null) {
    const object = { kind: "organisation", id: id("org", 1), label: null };
    return record(actorOf(person), "recording.list", "allowed", object).number;
  }
  const found = audit.find((e) => e.number === Number(continues) && e.action === "recording.list");
  const fresh = found?.actor.id === person.id && Date.now() - Date.parse(found.time) < 9e5;
  return fresh ? found.number : null;
}

function detail(rec) {
  const viewers = rec.viewers.map((person, n) => ({
    play: id("ply", rec.id + n),
    person,
    started_at: micro(start - 36e5 * (n + 1)),
    ended_at: micro(start - 36e5 * (n + 1) + 12e4),
    reason: "support ticket FW-4812",
    entry: 40 + n,
    ranges: [{ from_us: 0, to_us: Math.floor(rec.duration_us / 3) }],
    watched_us: Math.floor(rec.duration_us / 3),
  }));
  const segments = [];
  for (let at = 0, n = 0; at < rec.duration_us; at += 5e6, n += 1) {
    segments.push({
      sequence: n,
      start_us: at,
      duration_us: Math.min(5e6, rec.duration_us - at),
      size_bytes: 3000 + (n % 7) * 900,
      keyframe: n % 6 === 0,
      received_at: micro(Date.parse(rec.started_at) + at / 1000),
    });
  }
  return {
    ...rec,
    viewers,
    tracks: [
      {
        id: id("trk", rec.id),
        kind: "dom",
        writer: "0f2d9b2e-0000-4000-8000-000000000001",
        state: rec.live ? "open" : "closed",
        retention_class: "web",
        kept_until: rec.kept_until,
        key_id: `${id("trk", rec.id)}/1`,
        segments,
        gaps: [],
      },
    ],
    policy_version: 3,
    sealed_keys: 1,
    region: "eu-north",
  };
}

async function api(method, path, query, body, person, headers) {
  const route = `${method} ${path}`;
  if (route === "POST /session") {
    if (body.password === "wrong") {
      return problem(
        401,
        "sign-in-refused",
        "E-mail address or password is wrong",
        "No account fits this address and password together.",
        {
          what_to_do: "Try again, or ask an administrator for a sign-in link.",
        },
      );
    }
    if (body.password === "slow down") {
      return problem(
        429,
        "too-many-attempts",
        "Too many attempts",
        "Ten attempts failed within a minute for this address.",
        {
          what_to_do: "Wait until the time is over; the right password works again then.",
          headers: { "Retry-After": "20" },
        },
      );
    }
    return signInAs(people.find((p) => p.email === body.email) ?? people[0]);
  }
  if (route === "POST /session/link") {
    if (body.token.startsWith("used")) {
      return problem(
        401,
        "sign-in-refused",
        "This link has been used",
        "A sign-in link works once and for 15 minutes.",
        {
          what_to_do: "Ask for a new link, or sign in with your password.",
        },
      );
    }
    return signInAs(people[0]);
  }
  if (route === "GET /health") return ok({ status: "ok" });
  if (!person) return problem(401, "signed-out", "Nobody is signed in", "The session ended or never began.");
  if (method !== "GET" && headers["clerestory-csrf"] !== "1")
    return problem(403, "csrf", "Not from the console", "The header is missing.");

  if (route === "GET /session") return ok(sessionOf(person));
  if (route === "DELETE /session" || route === "DELETE /sessions") {
    cookies.clear();
    return { status: 204, headers: { "Set-Cookie": "clerestory=; Max-Age=0; Path=/" } };
  }
  if (route === "GET /sessions") {
    const agents = [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
    ];
    return ok({
      items: agents.map((user_agent, n) => ({
        id: id("ses", n),
        created_at: micro(start - n * 3 * 864e5 - 36e5),
        last_used_at: micro(Date.now() - n * 7e6),
        expires_at: micro(start + 7 * 36e5),
        current: n === 0,
        user_agent,
      })),
    });
  }
  if (route === "GET /recordings") {
    if (forced.recordings === "slow") await new Promise((done) => setTimeout(done, 3000));
    return listRecordings(query, person);
  }
  if (route === "GET /audit") {
    const q = (k) => query.get(k);
    const list = audit.filter(
      (e) =>
        (!q("action") || e.action === q("action")) &&
        (!q("outcome") || e.outcome === q("outcome")) &&
        (!q("actor") || e.actor.id === q("actor")) &&
        (!q("object") || e.object?.id === q("object")) &&
        (!q("from") || e.time >= q("from")) &&
        (!q("cursor") || e.number < Number(q("cursor"))),
    );
    const items = list.slice(0, Number(q("limit") ?? 50));
    const next_cursor = items.length < list.length ? String(items.at(-1).number) : null;
    return ok({ items, next_cursor, head: { number: audit[0].number, hash: audit[0].hash } });
  }
  if (route === "GET /ledger/proof") return ok(ledgerProof(query));
  if (route === "GET /audit/verify") {
    const broken = forced.audit === "broken";
    return ok({
      checked: broken ? 71 : audit.length,
      intact: !broken,
      head: { number: audit[0].number, hash: audit[0].hash },
      first_break: broken ? 72 : null,
    });
  }
  if (route === "GET /health/findings") {
    return ok({
      items: [
        {
          id: "storage",
          level: "ok",
          sentence: "41.2 of 64 GB are free. A write reaches the disk in 0.12 ms.",
          what_to_do: null,
        },
        {
          id: "root_key",
          level: "attention",
          sentence: "The root key lies beside the data it protects.",
          what_to_do: "Move root.key to another disk and name it in keys.root.",
        },
        {
          id: "clock",
          level: "ok",
          sentence: "The clock is 8 ms off; three sources agree.",
          what_to_do: null,
        },
        { id: "audit", level: "ok", sentence: "The audit chain is whole: 120 entries.", what_to_do: null },
        {
          id: "certificate",
          level: "failed",
          sentence: "The certificate ended on 19 Nov 2026.",
          what_to_do: "Put a new one into tls.certificate and send SIGHUP.",
        },
      ],
    });
  }
  if (route === "GET /sites") return ok({ items: sites, next_cursor: null });
  if (route === "POST /sites") {
    if (body.origins.some((o) => !/^https?:\/\/[^/]+$/.test(o))) {
      return problem(
        422,
        "site-invalid",
        "The site was not created",
        "An origin is a scheme and a host, without a path.",
        {
          errors: [{ path: "origins.0", message: "This is no origin." }],
        },
      );
    }
    const site = addSite(sites.length + 1 + Math.random(), body.name, body.origins, 0, 0);
    policies.set(site.id, {
      document: {
        ...structuredClone(document0),
        exclude: [],
        mask: [],
        unmask: [],
        urls: { deny: [], allow: [] },
      },
      versions: [
        {
          version: 1,
          signed_at: micro(Date.now()),
          signed_by: { id: person.id, name: person.name },
          direction: "first",
          changes: [],
        },
      ],
    });
    site.policy_version = 1;
    return ok(site, 201);
  }
  const erased = erasingApi(method, path, body, person);
  if (erased) return erased;
  const requested = requestingApi(method, path, body, person);
  if (requested) return requested;
  const m = /^\/(sites|recordings|plays)\/([^/]+)(?:\/(.*))?$/.exec(path);
  if (!m) return problem(404, "not-found", "Nothing is here", null);
  const [, kind, which, rest = ""] = m;
  if (kind === "sites") return siteApi(method, which, rest, query, body, person);
  if (kind === "recordings") return recordingApi(method, which, rest, body, person);
  return problem(404, "not-found", "Nothing is here", null);
}

const requestingApi = requesting({ id, micro, ok, problem, forced, people: people.map(ref) });
const erasingApi = await erasing({
  id,
  micro,
  ok,
  problem,
  record,
  actorOf,
  recordings,
  audit,
  forced,
  detail,
});

function signInAs(person) {
  const token = randomBytes(16).toString("hex");
  cookies.set(token, person);
  return ok(sessionOf(person), 200, { "Set-Cookie": `clerestory=${token}; HttpOnly; SameSite=Lax; Path=/` });
}

function siteReceipts(site) {
  // A site without events gets its first one 6 seconds after somebody started to look.
  const list = receipts.get(site.id) ?? { began: Date.now(), items: [] };
  receipts.set(site.id, list);
  if (Date.now() - list.began > 6000 && forced.receipts !== "none") {
    const n = list.items.length + 1;
    if (n < 4 && Date.now() - list.began > 6000 + n * 3000 - 3000) {
      list.items.push({
        n,
        at: micro(Date.now()),
        recording: recordings[0].id,
        sequence: n - 1,
        bytes_in: [4120, 911, 640][n - 1],
        bytes_stored: [4296, 1087, 816][n - 1],
        stored_as: "log/0000000001",
      });
      site.first_event_at ??= micro(Date.now());
      site.last_event_at = micro(Date.now());
      site.recordings = 1;
    }
  }
  return list.items;
}

function checkDocument(site, document) {
  const current = policies.get(site.id).document;
  const errors = [];
  const changes = [];
  let tighter = 0;
  let looser = 0;
  for (const [key, added, removed, direction] of [
    ["exclude", "Exclude `…` from capture.", "Stop excluding `…`.", 1],
    ["mask", "Mask `…`.", "Stop masking `…`.", 1],
    ["unmask", "Show `…` unmasked.", "Stop showing `…` unmasked.", -1],
  ]) {
    document[key].forEach((s, n) => {
      if (/[:>]{2}|:/.test(s))
        errors.push({ path: `${key}.${n}`, message: "Pseudo classes are not allowed in a rule." });
      if (!current[key].includes(s)) {
        changes.push({ kind: "add", text: added.replace("…", s) });
        if (direction > 0) tighter += 1;
        else looser += 1;
      }
    });
    for (const s of current[key]) {
      if (document[key].includes(s)) continue;
      changes.push({ kind: "remove", text: removed.replace("…", s) });
      if (direction > 0) looser += 1;
      else tighter += 1;
    }
  }
  if (document.media !== current.media) {
    const text = `${document.media === "allowed" ? "Capture" : "Block"} images and drawings.`;
    changes.push({ kind: "change", text });
    if (document.media === "allowed") looser += 1;
    else tighter += 1;
  }
  for (const s of document.urls.deny)
    if (!current.urls.deny.includes(s)) {
      changes.push({ kind: "add", text: `Capture nothing on pages matching \`${s}\`.` });
      tighter += 1;
    }
  for (const s of current.urls.deny)
    if (!document.urls.deny.includes(s)) {
      changes.push({ kind: "remove", text: `Stop denying pages matching \`${s}\`.` });
      looser += 1;
    }
  const direction = tighter && looser ? "mixed" : looser ? "looser" : tighter ? "tighter" : "same";
  return { direction, changes, errors };
}

async function siteApi(method, which, rest, query, body, person) {
  const site = sites.find((s) => s.id === which);
  if (!site) return problem(404, "not-found", "There is no such site", null);
  const route = `${method} ${rest}`;
  if (route === "GET ") return ok(site);
  if (route === "PATCH ") return ok(Object.assign(site, body));
  if (route === "POST key") {
    site.site_key = `csw_${randomBytes(16).toString("hex")}`;
    site.snippet = site.snippet.replace(/csw_[0-9a-f]+/, site.site_key);
    return ok(site);
  }
  if (route === "POST imports") {
    if (!Array.isArray(body)) {
      return problem(
        422,
        "import-malformed",
        "The file was not imported",
        "It holds no list of rrweb events.",
        {
          what_to_do: "Export the recording as JSON again: a list of events, oldest first.",
        },
      );
    }
    return ok(
      {
        recording: recordings[3].id,
        events: body.length,
        dropped: [{ reason: "unknown event type", count: 1 }],
      },
      201,
    );
  }
  if (route === "GET receipts") {
    const items = site.recordings > 1 ? [] : siteReceipts(site);
    return ok({ items: items.filter((r) => r.n > Number(query.get("after") ?? 0)), latest: items.length });
  }
  const policy = policies.get(site.id);
  if (route === "GET policy") {
    return ok({
      current: await signed(site.id, policy.versions[0].version, policy.document),
      versions: policy.versions,
    });
  }
  if (route === "POST policy/check") return ok(checkDocument(site, body.document));
  if (route === "PUT policy") {
    if (body.based_on !== policy.versions[0].version) {
      return problem(
        409,
        "policy-changed",
        "Somebody signed another version meanwhile",
        `Version ${policy.versions[0].version} is current; your draft is based on ${body.based_on}.`,
        { what_to_do: "Take the new version over and look at your changes again." },
      );
    }
    const check = checkDocument(site, body.document);
    if (check.errors.length)
      return problem(422, "policy-invalid", "The policy was not signed", "Some rules are not understood.", {
        errors: check.errors,
      });
    policy.document = body.document;
    policy.versions.unshift({
      version: body.based_on + 1,
      signed_at: micro(Date.now()),
      signed_by: { id: person.id, name: person.name },
      direction: check.direction,
      changes: check.changes.map((c) => c.text),
    });
    site.policy_version = body.based_on + 1;
    return ok(await signed(site.id, site.policy_version, policy.document));
  }
  return problem(404, "not-found", "Nothing is here", null);
}

function recordingApi(method, which, rest, body, person) {
  const rec = recordings.find((r) => r.id === which);
  if (!rec) return problem(404, "not-found", "There is no such recording", null);
  const route = `${method} ${rest}`;
  liveNow();
  const whole = detail(rec);
  if (route === "GET ") return ok(whole);
  if (route === "GET viewers") return ok({ items: whole.viewers });
  if (route === "POST plays") {
    if (person.role === "member") {
      const entry = record(actorOf(person), "recording.play", "refused", {
        kind: "recording",
        id: rec.id,
        label: rec.subject.label,
      });
      return problem(
        403,
        "refused",
        "You may list this, not watch it",
        "Your role, Member, lists the sessions of your team.",
        {
          rule: "matrix recording.play member team",
          entry: entry.number,
          what_to_do: "Mirel Hadley can change your role.",
        },
      );
    }
    return ok(
      {
        id: id("ply", Math.random()),
        recording: rec.id,
        expires_at: micro(Date.now() + 36e5),
        entry: record(
          actorOf(person),
          "recording.play",
          "allowed",
          { kind: "recording", id: rec.id, label: rec.subject.label },
          { reason: body?.reason },
        ).number,
        tracks: whole.tracks,
        duration_us: rec.duration_us,
        live: rec.live,
        content_origin: `http://127.0.0.1:${port}`,
      },
      201,
    );
  }
  const trk = whole.tracks[0];
  const place = (n) => ({
    sequence: n,
    object: "log/0000000001",
    offset: n * 4296,
    length: 4296,
    ciphertext_sha256: id("", n).padEnd(65, "0").slice(1),
    stored_as: "log",
  });
  if (route === "GET inside") {
    return ok({
      recording: rec.id,
      organisation_key: "org_key_1",
      tracks: [
        {
          id: trk.id,
          key: {
            id: `${trk.id}/1`,
            parent: id("key", 7),
            shard: "11f0",
            shard_version: 1,
            page: "03aa",
            epoch: 41,
          },
          segments: trk.segments.map((s) => place(s.sequence)),
        },
      ],
      entries: audit.filter((e) => e.object?.id === rec.id).slice(0, 5),
      data_directory: "data",
    });
  }
  const seg = /^inside\/[^/]+\/(\d+)$/.exec(rest);
  if (method === "GET" && seg) {
    const n = Number(seg[1]);
    return ok({
      ...place(n),
      header: { salt: "9c".repeat(32), nonce_prefix: "41".repeat(7), header_length: 40 },
      first_bytes_hex: createHash("sha512").update(`${rec.id}${n}`).digest("hex").repeat(4).slice(0, 512),
      sealed_with: "Tink streaming AEAD AES256_GCM_HKDF, 64 KiB",
      associated_data_hex: "00".repeat(24),
    });
  }
  return problem(404, "not-found", "Nothing is here", null);
}

// ---------------------------------------------------------------- serving

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
};

async function send(root, name, headers, change = (bytes) => bytes) {
  try {
    const bytes = change(await readFile(join(root, name)));
    return { status: 200, raw: bytes, type: types[extname(name)] ?? "application/octet-stream", headers };
  } catch {
    return { status: 404, raw: Buffer.from("not found"), type: "text/plain", headers: {} };
  }
}

const playerCsp = `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; font-src data:; media-src blob: data:; frame-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors http://localhost:${port}`;

function playerFile(wanted) {
  const name = wanted.replace(/^player\/?/, "") || "index.html";
  return send(join(web, "player", "dist"), name, { "Content-Security-Policy": playerCsp }, (bytes) =>
    name.endsWith(".html")
      ? Buffer.from(String(bytes).replace("__CLERESTORY_CONSOLE_ORIGIN__", `http://localhost:${port}`))
      : bytes,
  );
}

function shopFile(wanted) {
  const page = wanted === "" || wanted.endsWith("/") ? `${wanted}index.html` : wanted;
  const name = extname(page) === "" ? `${page}.html` : page;
  return send(join(web, "demo-shop", "dist"), name, {}, (bytes) =>
    name.endsWith(".html") ? Buffer.from(String(bytes).replace("</head>", `${shop.snippet}</head>`)) : bytes,
  );
}

/** The console on localhost, the player page on 127.0.0.1, the shop on shop.localhost: as in the demo. */
function file(host, path) {
  const wanted = normalize(path).replace(/^\/+/, "");
  if (wanted.startsWith("capture/")) {
    return send(join(web, "capture", "dist"), wanted.slice(8), { "Access-Control-Allow-Origin": "*" });
  }
  if (host.startsWith("127.0.0.1")) return playerFile(wanted);
  if (host.startsWith("shop.localhost")) return shopFile(wanted);
  return send(dist, extname(wanted) === "" ? "index.html" : wanted, { "Content-Security-Policy": csp });
}

createServer(async (request, response) => {
  const url = new URL(request.url, `http://localhost:${port}`);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const body = text ? JSON.parse(text) : {};
  let answer;
  if (url.pathname === "/__mock") {
    Object.assign(forced, body);
    answer = { status: 204 };
  } else if (url.pathname.startsWith("/api/v1")) {
    const token = /clerestory=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
    answer = await api(
      request.method,
      url.pathname.slice(7),
      url.searchParams,
      body,
      cookies.get(token),
      request.headers,
    );
  } else answer = await file(request.headers.host ?? "", url.pathname);
  response.writeHead(answer.status, {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(answer.raw || answer.body ? { "Content-Type": answer.type ?? "application/json" } : {}),
    ...answer.headers,
  });
  response.end(answer.raw ?? (answer.body === undefined ? undefined : JSON.stringify(answer.body)));
}).listen(port, "127.0.0.1", () => console.log(`mock on http://localhost:${port}`));
