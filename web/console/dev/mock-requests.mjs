/** The mock's requests of recorded people. Invented, like the rest of it. */

const DAY = 864e5;

/** The parts of the mock that have to do with requests; `tools` are the mock's own helpers. */
export function requesting({ id, micro, ok, problem, forced, people }) {
  const start = Date.now();
  const make = (n, kind, age, more = {}) => ({
    id: id("dsr", n),
    kind,
    state: "open",
    about: { id: id("sub", 80 + n), label: "Olive Owl", person: null },
    asked_by: people[0],
    asked_at: micro(start - age),
    due_at: micro(start - age + 30 * DAY),
    overdue: age > 30 * DAY,
    words: null,
    extended_at: null,
    extension_reason: null,
    decided_by: null,
    decided_at: null,
    answer: null,
    available_until: null,
    erasure: null,
    ...more,
  });
  const all = [
    make(1, "export", 33 * DAY, { words: "By letter of 3 May, with a copy of a passport" }),
    make(2, "access", 20 * DAY, {
      extended_at: micro(start - 5 * DAY),
      extension_reason: "There are very many recordings.",
    }),
    make(3, "erase", 12 * DAY, {
      decided_by: people[0],
      decided_at: micro(start - DAY),
      erasure: {
        id: id("era", 3),
        state: "restricted",
        means: "It was decided, and a legal hold keeps it for now.",
      },
    }),
    make(4, "export", 9 * DAY, {
      state: "done",
      decided_by: people[0],
      decided_at: micro(start - 2 * DAY),
      available_until: micro(start + 5 * DAY),
    }),
    make(5, "erase", 40 * DAY, {
      state: "declined",
      overdue: false,
      decided_by: people[0],
      decided_at: micro(start - 20 * DAY),
      answer: "An invoice has to be kept for ten years.",
    }),
  ];
  const mine = new Map();

  return function answer(method, path, body, person) {
    const route = `${method} ${path}`;
    const own = mine.get(person?.id) ?? [];
    if (route === "GET /my/requests") return ok({ items: own });
    if (route === "POST /my/requests") {
      const about = { id: id("sub", 90), label: person.name, person: person.id };
      const done = { state: "done", decided_at: micro(start), available_until: micro(start + 7 * DAY) };
      const asked_by = { id: person.id, name: person.name, initials: person.initials };
      const asked = make(90 + own.length, body.kind, 0, {
        about,
        asked_by,
        words: body.words ?? null,
        ...(body.kind === "access" ? done : {}),
      });
      mine.set(person.id, [asked, ...own]);
      return ok(asked, 201);
    }
    if (route === "GET /requests") return ok({ items: forced.requests === "empty" ? [] : all });
    const found = /^\/(?:my\/)?requests\/([^/]+)\/(withdraw|fulfil|decline|extend)$/.exec(path);
    if (method !== "POST" || !found) return null;
    const request = [...all, ...own].find((one) => one.id === found[1]);
    if (!request) return problem(404, "not-found", "Nothing is here", "There is nothing under this address.");
    const now = micro(Date.now());
    const decided = { decided_by: people[0], decided_at: now, overdue: false };
    Object.assign(
      request,
      {
        withdraw: { state: "withdrawn", ...decided },
        fulfil: {
          state: "done",
          answer: body.answer ?? null,
          available_until: micro(start + 7 * DAY),
          ...decided,
        },
        decline: { state: "declined", answer: body.reason, ...decided },
        extend: {
          extended_at: now,
          extension_reason: body.reason,
          due_at: micro(start + 60 * DAY),
          overdue: false,
        },
      }[found[2]],
    );
    return ok(request);
  };
}
