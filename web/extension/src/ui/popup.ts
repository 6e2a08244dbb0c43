/** The popup: what is captured now, why and for how long, and everything the person may do about it. */
import { formatBytes, formatClock, plural } from "@clerestory/console/src/lib/format";
import type { Answered, BeginWish, Status, ToRecorder, ToWorker } from "../messages";
import { type ScreenPolicy, SURFACES, type Surface, verifyScreenPolicy } from "../policy/screen";
import { type Enrolment, Server } from "../server/server";
import {
  LAST,
  managed,
  managedLink,
  readEnrolled,
  readJoinLink,
  readPolicyFloor,
  SETTINGS,
  serverOrigin,
} from "../settings";
import { h, Living, lintel } from "./dom";
import {
  BESIDE,
  endedText,
  facts,
  heardText,
  lostText,
  recordingTitle,
  refusedText,
  SURFACE_NAMES,
  shutText,
  untoldText,
  watchingText,
} from "./words";

interface Model {
  readonly enrolment: Enrolment | null;
  /** The page the person is on; the link to join is its own, or the one the organisation set. */
  readonly tab: { readonly id: number | null; readonly joinLink: string | null };
  readonly policy: ScreenPolicy | null;
  readonly policyRefused: string | null;
  readonly noticeRead: string | null;
}

const ASK_AGAIN_MS = 5000;

const living = new Living();
let status: Status | null = null;
let said: string | null = null;
let surface: Surface = "tab";
let microphone = false;

const tell = (message: ToRecorder | ToWorker): Promise<unknown> => chrome.runtime.sendMessage(message);

async function readStatus(): Promise<Status | null> {
  // Where no recorder is there, nobody answers, and what it said last holds.
  const told = (await tell({ to: "recorder", kind: "status" }).catch(() => undefined)) as Status | undefined;
  return told ?? (await chrome.storage.session.get<{ [LAST]?: Status }>(LAST))[LAST] ?? null;
}

async function readPolicy(enrolment: Enrolment): Promise<Pick<Model, "policy" | "policyRefused">> {
  const answer = await new Server(enrolment.server).policy(enrolment.token);
  if (answer.status !== 200) return { policy: null, policyRefused: answer.slug || "unreachable" };
  const before = await readPolicyFloor(enrolment.policyKey);
  const { policyKey: key, recorder } = enrolment;
  const context = { key, recorder, now: Date.now(), before };
  const verified = await verifyScreenPolicy(answer.body, context);
  return "policy" in verified
    ? { policy: verified.policy, policyRefused: null }
    : { policy: null, policyRefused: verified.refused };
}

async function readModel(): Promise<Model> {
  const { tabs } = await chrome.windows.getLastFocused({ populate: true, windowTypes: ["normal"] });
  const front = tabs?.find(({ active }) => active);
  const onPage = readJoinLink(front?.url ?? "") ? (front?.url ?? null) : null;
  const tab = { id: front?.id ?? null, joinLink: onPage ?? (await managedLink(await managed())) };
  const enrolment = await readEnrolled();
  const kept = await chrome.storage.local.get<{ noticeRead?: string; microphone?: boolean }>();
  microphone = kept.microphone === true;
  const policy = enrolment ? await readPolicy(enrolment) : { policy: null, policyRefused: null };
  return { enrolment, tab, ...policy, noticeRead: kept.noticeRead ?? null };
}

/** Does what a button is for, and says why where it is refused. */
async function act(message: ToRecorder | ToWorker): Promise<boolean> {
  const answer = (await tell(message)) as Answered<null> | null;
  said = answer && "refused" in answer ? endedText(answer.refused) : null;
  await refresh();
  return said === null;
}

// ------------------------------------------------------------------------ before joining

function joinView({ tab }: Model): HTMLElement {
  const open = async (link: string) => {
    await chrome.storage.session.set({ joinLink: link });
    await chrome.tabs.create({ url: "setup.html" });
    window.close();
  };
  const { joinLink } = tab;
  const input = h("input", {
    type: "text",
    placeholder: "https://…/enrol#code=…",
    "aria-label": "Link to join",
  });
  return h(
    "main",
    {},
    h("h1", {}, "Nothing is captured"),
    status?.ended ? h("p", { class: "note" }, endedText(status.ended)) : null,
    h(
      "p",
      { class: "read" },
      "This browser has not joined an organisation. Ask for a link in the console of your organisation, under My data.",
    ),
    joinLink
      ? h(
          "button",
          { class: "b lead wide", onclick: () => void open(joinLink) },
          `Join ${serverOrigin(joinLink) ?? ""}`,
        )
      : h(
          "form",
          {
            class: "stack",
            onsubmit: (event) => {
              event.preventDefault();
              if (readJoinLink(input.value)) void open(input.value);
              else input.setAttribute("aria-invalid", "true");
            },
          },
          h("div", { class: "field" }, input),
          h("button", { class: "b lead wide", type: "submit" }, "Join"),
        ),
  );
}

// ------------------------------------------------------------------------ idle

function factList(told: NonNullable<Status["policy"]>, rules: ScreenPolicy["pages"] | null): HTMLElement {
  const rows = facts(told, rules).map(({ name, text }) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
  return h("dl", { class: "facts" }, ...rows);
}

function noticeView(notice: NonNullable<ScreenPolicy["notice"]>): HTMLElement {
  const { version, basis, textUrl } = notice;
  const read = async () => {
    await chrome.storage.local.set({ [SETTINGS.noticeRead]: version });
    location.reload();
  };
  return h(
    "div",
    { class: "note attn stack" },
    h("p", {}, `Before anything is recorded: notice ${version}. It rests on: ${basis}.`),
    textUrl
      ? h("a", { class: "link", href: textUrl, target: "_blank", rel: "noreferrer" }, "Read the whole notice")
      : null,
    h("button", { class: "b", onclick: () => void read() }, "I have read it"),
  );
}

function beginForm(model: Model, policy: ScreenPolicy): HTMLElement {
  const choices = SURFACES.filter((one) => policy.surfaces.includes(one));
  if (!choices.includes(surface)) surface = choices[0] ?? "tab";
  const buttons = choices.map((one) =>
    h(
      "button",
      { type: "button", "aria-pressed": String(one === surface), onclick: () => choose(one) },
      SURFACE_NAMES[one],
    ),
  );
  const choose = (one: Surface) => {
    surface = one;
    living.tick();
    for (const [at, button] of buttons.entries())
      button.setAttribute("aria-pressed", String(choices[at] === one));
  };
  const sound = h(
    "button",
    {
      class: "row switch",
      type: "button",
      role: "switch",
      "aria-checked": String(microphone),
      onclick: () => {
        microphone = !microphone;
        sound.setAttribute("aria-checked", String(microphone));
        sound.firstElementChild?.setAttribute("aria-checked", String(microphone));
        void chrome.storage.local.set({ [SETTINGS.microphone]: microphone });
      },
    },
    h("span", { class: "sw", "aria-checked": String(microphone) }),
    "Record my microphone too",
  );
  const hint = living.text(() => (surface === "tab" ? "" : BESIDE), "ink2");
  const begin = () => {
    const wish: BeginWish = { surface, tab: model.tab.id, microphone, notice: policy.notice?.version ?? "" };
    void act({ to: "worker", kind: "begin", begin: wish });
  };
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "seg wide", role: "group", "aria-label": "What to record" }, ...buttons),
    hint,
    policy.audio ? sound : null,
    h("button", { class: "b lead wide", onclick: begin }, "Record"),
  );
}

function idleView(model: Model): HTMLElement {
  const { policy, policyRefused, noticeRead } = model;
  const ended = status?.ended;
  const mayRecord = policy?.recording === true && policy.surfaces.length > 0;
  const needsNotice = policy?.notice && policy.notice.version !== noticeRead ? policy.notice : null;
  const cannot =
    policyRefused ?? (mayRecord ? null : "recording-off") ?? (policy?.notice ? null : "notice-needed");
  return h(
    "main",
    {},
    h("h1", {}, "Nothing is captured"),
    ended ? h("p", { class: "note" }, endedText(ended)) : null,
    cannot ? h("p", { class: "note attn" }, endedText(cannot)) : null,
    policy ? factList(policy, policy.pages) : null,
    needsNotice && !cannot ? noticeView(needsNotice) : null,
    policy && !needsNotice && !cannot ? beginForm(model, policy) : null,
    lateDiscard(),
  );
}

// ------------------------------------------------------------------------ recording

function panes(): HTMLElement {
  const classes = { none: "none", gap: "gap", 0: "", 1: "a1", 2: "a2", 3: "a3", 4: "a4" } as const;
  return living.made(
    () => status?.slices ?? [],
    (slices) => {
      const row = slices.map((slice) => h("i", { class: classes[slice] }));
      if (status?.shut === null) row.at(-1)?.setAttribute("class", "now");
      return h(
        "div",
        { class: "panes", role: "img", "aria-label": "The last five minutes, ten seconds a pane" },
        ...row,
      );
    },
  );
}

function pauseForm(rule: ScreenPolicy["pause"]): HTMLElement | null {
  if (rule === "no") return null;
  const reason = h("input", {
    type: "text",
    placeholder: "Why?",
    maxlength: "200",
    "aria-label": "Reason for the pause",
  });
  const pause = (event: Event) => {
    event.preventDefault();
    void act({ to: "recorder", kind: "pause", reason: reason.value });
  };
  return h(
    "form",
    { class: "row", onsubmit: pause },
    rule === "reason" ? h("div", { class: "field grow" }, reason) : null,
    h("button", { class: rule === "reason" ? "b" : "b grow", type: "submit" }, "Pause"),
  );
}

/** Of a recording that is over, for as long as it can be done from here. */
function lateDiscard(): HTMLElement | null {
  const told = status?.takeBack;
  if (!told || (told.untilMs !== null && told.untilMs <= Date.now())) return null;
  const time = (ms: number) => new Date(ms).toLocaleTimeString();
  const until = told.untilMs === null ? "" : `, here until ${time(told.untilMs)}`;
  return h(
    "section",
    { class: "stack", "aria-label": "The recording that ended last" },
    h("p", { class: "ink2" }, `Of what was recorded until ${time(told.endedAtMs)}${until}:`),
    discardForm(),
  );
}

function discardForm(): HTMLElement {
  const choices = [1, 5, 15].map((minutes) => {
    const ask = () => {
      sure.replaceChildren(
        h(
          "p",
          {},
          `The last ${plural(minutes, "minute")} will be gone for good, here and on the server. A gap stays.`,
        ),
        h(
          "div",
          { class: "row" },
          h(
            "button",
            {
              class: "b end grow",
              onclick: () =>
                void act({ to: "worker", kind: "discard", minutes }).then(() => sure.replaceChildren()),
            },
            "Throw away",
          ),
          h("button", { class: "b grow", onclick: () => sure.replaceChildren() }, "Keep"),
        ),
      );
    };
    return h("button", { class: "b s", onclick: ask }, `${minutes} min`);
  });
  const sure = h("div", { class: "stack", role: "alert" });
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "row" }, h("span", { class: "grow ink2" }, "Throw away the last"), ...choices),
    sure,
  );
}

const startingView = (): HTMLElement =>
  h(
    "main",
    {},
    h("h1", {}, "Asking the server and the browser"),
    h("p", { class: "ink2" }, "Nothing is captured yet. The browser may ask you what to share."),
  );

function recordingView(): HTMLElement {
  const rule = status?.policy?.pause ?? "no";
  const shut = status?.shut ?? null;
  const since = () => formatClock((Date.now() - (status?.startedAtMs ?? Date.now())) * 1000);
  const isStopping = status?.phase !== "recording";
  return h(
    "main",
    {},
    h(
      "div",
      { class: "row" },
      h("span", { class: shut ? "dot still" : "dot live" }),
      h("h1", { class: "grow" }, shut ? "Nothing is captured now" : recordingTitle(status?.surface ?? null)),
      living.text(since, "num"),
    ),
    panes(),
    shut
      ? h(
          "p",
          { class: "note" },
          living.text(() => shutText(shut.reason, status?.behind ?? 0)),
          status?.pausedFor ? ` You said: ${status.pausedFor}` : "",
        )
      : null,
    living.made(
      () => status?.watchers ?? null,
      (watchers) => h("p", { class: watchers?.length === 0 ? "ink2" : "note lit" }, watchingText(watchers)),
    ),
    h(
      "p",
      { class: "ink2" },
      living.text(() =>
        heardText(status?.hears ?? { page: false, microphone: false }, status?.surface ?? null),
      ),
    ),
    status?.pausedFor !== null
      ? h(
          "button",
          { class: "b lead wide", onclick: () => void act({ to: "recorder", kind: "resume" }) },
          "Go on",
        )
      : pauseForm(rule),
    h(
      "button",
      {
        class: "b end wide",
        disabled: isStopping,
        onclick: () => void act({ to: "recorder", kind: "stop", reason: "stopped" }),
      },
      isStopping ? "Ending…" : "Stop recording",
    ),
    discardForm(),
    status?.policy
      ? h(
          "details",
          {},
          h("summary", {}, "What is captured, why, and how long"),
          factList(status.policy, null),
        )
      : null,
  );
}

// ------------------------------------------------------------------------ what is safe, and the whole

function safeView(): HTMLElement {
  const upTo = () => {
    const { safe } = status ?? {};
    if (!safe || safe.upToMs === null) return "Nothing was sent yet since the browser began.";
    const time = new Date(safe.upToMs).toLocaleTimeString();
    return `Safe on the server up to ${time}: ${plural(safe.segments, "piece")}, ${formatBytes(safe.bytes)}.`;
  };
  const waiting = () => {
    const { waiting: left, trouble } = status ?? {};
    if (!left || left.segments === 0) return "Nothing waits on this computer.";
    const wait = trouble ? Math.max(0, Math.round((trouble.nextTryAtMs - Date.now()) / 1000)) : null;
    const later = wait === null ? "" : ` The server cannot take them now; tried again in ${wait} s.`;
    return `${plural(left.segments, "piece")} (${formatBytes(left.bytes)}) sealed on this computer, to be sent.${later}`;
  };
  return h(
    "section",
    { class: "safe", "aria-label": "What is safe" },
    h("p", {}, living.text(upTo)),
    h("p", { class: "ink2" }, living.text(waiting)),
    living.made(
      () => [status?.lost ? lostText(status.lost) : null, status?.untold ? untoldText(status.untold) : null],
      (lines) =>
        h(
          "div",
          { class: "stack" },
          ...lines.map((line) => (line === null ? null : h("p", { class: "note attn" }, line))),
        ),
    ),
    living.made(
      () => status?.refused ?? [],
      (refused) =>
        h(
          "div",
          { class: "stack" },
          ...refused.map((row) => h("p", { class: "note attn" }, refusedText(row))),
          refused.length > 0 &&
            h(
              "div",
              { class: "row" },
              h(
                "button",
                { class: "b s", onclick: () => void act({ to: "worker", kind: "refused", retry: true }) },
                "Try again",
              ),
              h(
                "button",
                { class: "b s", onclick: () => void act({ to: "worker", kind: "refused", retry: false }) },
                "Delete what was refused",
              ),
            ),
        ),
    ),
  );
}

const shape = (): string =>
  JSON.stringify([
    status?.phase,
    status?.shut?.reason,
    status?.pausedFor,
    status?.ended,
    status?.takeBack,
    (status?.takeBack?.untilMs ?? Number.POSITIVE_INFINITY) > Date.now(),
    said,
  ]);

function draw(model: Model): void {
  living.clear();
  const { enrolment } = model;
  const isIdle = (status?.phase ?? "idle") === "idle";
  const view = isIdle
    ? enrolment
      ? idleView(model)
      : joinView(model)
    : status?.phase === "starting"
      ? startingView()
      : recordingView();
  document.body.replaceChildren(
    lintel(enrolment?.organisation ?? ""),
    view,
    ...(said ? [h("p", { class: "note attn said", role: "alert" }, said)] : []),
    ...(status || enrolment ? [safeView()] : []),
    ...(enrolment
      ? [
          h(
            "footer",
            { class: "row" },
            h(
              "a",
              {
                class: "link grow",
                href: `${enrolment.server}/recordings`,
                target: "_blank",
                rel: "noreferrer",
              },
              "My recordings",
            ),
            h("a", { class: "link", href: "setup.html", target: "_blank" }, "Set up"),
          ),
        ]
      : []),
  );
}

let model: Model | null = null;
let drawn = "";

async function refresh(): Promise<void> {
  status = await readStatus();
  if (model && shape() !== drawn) {
    drawn = shape();
    draw(model);
  } else {
    living.tick();
  }
}

/** What the server did not say when this was opened it may say now. */
async function askAgain(): Promise<void> {
  if (!model?.enrolment || model.policyRefused === null) return;
  model = await readModel();
  if (model.policyRefused === null) drawn = "";
}

model = await readModel();
await refresh();
setInterval(() => void refresh(), 1000);
setInterval(() => void askAgain(), ASK_AGAIN_MS);
