/** The offscreen document: it outlives the worker, and holds what is captured until it is safe. */
import { type Answered, isFor, type Left, type Status, type ToRecorder, type ToWorker } from "./messages";
import type { SeenTab } from "./rules/gate";
import { Desk } from "./run/desk";
import type { Files } from "./spool/spool";
import { Spool } from "./spool/spool";

type FileAnswer = { readonly result: unknown } | { readonly error: string };

/** Files are reached through a worker of our own; each request is answered under its number. */
function openFiles(): Files {
  const worker = new Worker("files.js");
  const open = new Map<number, (answer: FileAnswer) => void>();
  let last = 0;
  worker.addEventListener("message", ({ data }: MessageEvent<{ id: number; answer: FileAnswer }>) => {
    open.get(data.id)?.(data.answer);
    open.delete(data.id);
  });
  return (request) =>
    new Promise((resolve, reject) => {
      last += 1;
      open.set(last, (answer) =>
        "error" in answer ? reject(new Error(answer.error)) : resolve(answer.result),
      );
      worker.postMessage({ id: last, request });
    });
}

const tell = (message: ToWorker): Promise<unknown> => chrome.runtime.sendMessage(message);

/** A worker that is being started anew may not hear; what it has to know it is told again. */
const mention = (message: ToWorker): void => {
  tell(message).catch(() => {});
};

const desk = new Desk(new Spool(openFiles()), {
  look: async (only, heard) =>
    (await tell({ to: "worker", kind: "look", only, heard })) as readonly SeenTab[],
  badge: (state) => mention({ to: "worker", kind: "state", state }),
  believed: (version) => mention({ to: "worker", kind: "believed", version }),
  enrolmentEnded: () => mention({ to: "worker", kind: "ended" }),
  nothingLeft: (last) => mention({ to: "worker", kind: "nothing-left", last }),
});

function handle(
  message: ToRecorder,
  sender: chrome.runtime.MessageSender,
): Promise<Answered<Left | null> | Status> | Answered<null> | null {
  const tab = sender.tab?.id;
  switch (message.kind) {
    case "begin":
      return desk.begin(message.begin);
    case "stop":
      return desk.stop(message.reason).then(() => ({ ok: null }));
    case "pause":
      return desk.pause(message.reason);
    case "resume":
      return desk.resume();
    case "discard":
      return desk.discard(message.minutes);
    case "forget-refused":
      return desk.forgetRefused();
    case "retry-refused":
      return desk.retryRefused();
    case "send":
      void desk.send(message.enrolment);
      return { ok: null };
    case "leave":
      return desk.leave(message.enrolment, message);
    case "status":
      return desk.status();
    case "went":
      desk.recorder?.went(message.went);
      return null;
    case "look-again":
      void desk.recorder?.look();
      return null;
    case "tab":
      desk.recorder?.tab(message.tab, message.at, message.url);
      return null;
    case "entry":
      if (tab !== undefined && typeof message.at === "number")
        desk.recorder?.entry(message.entry, message.at, {
          tab,
          frame: sender.frameId ?? 0,
          address: sender.url ?? "",
          top: sender.tab?.url ?? sender.url ?? "",
        });
      return null;
    case "painted":
      if (tab !== undefined && sender.frameId === 0)
        desk.recorder?.painted(tab, sender.url ?? "", sender.documentId);
      return null;
    case "size":
      if (tab !== undefined && sender.frameId !== undefined) {
        const { frameId: frame, url = "", documentId: document } = sender;
        desk.recorder?.sized(tab, { frame, url, document }, message.isSeen === true);
      }
      return null;
  }
}

chrome.runtime.onMessage.addListener((message: unknown, sender, reply) => {
  if (!isFor<ToRecorder>(message, "recorder", sender)) return false;
  const answer = handle(message, sender);
  if (answer === null) return false;
  Promise.resolve(answer).then(reply, (error: unknown) => reply({ refused: String(error) }));
  return true;
});

window.addEventListener("online", () => desk.hurry());
