/**
 * The player page: takes one port from the console that embeds it, and draws what comes over it.
 *
 * Both the server (in the meta element) and the embedding page (in the hash) say which origin the console has;
 * they must agree, and the message with the port must come from there. The first such message wins.
 */
import { type FromPlayer, PROTOCOL_VERSION, parseToPlayer, type ToPlayer } from "./messages.ts";
import { Stage } from "./stage.ts";

function consoleOrigin(): string | null {
  const said = document.querySelector<HTMLMetaElement>('meta[name="clerestory-console"]')?.content ?? "";
  const asked = new URLSearchParams(location.hash.slice(1)).get("console");
  return said !== "" && said === asked && /^https?:\/\/[^/]+$/.test(said) ? said : null;
}

function isHandshake(event: MessageEvent, origin: string): boolean {
  const data: unknown = event.data;
  return (
    event.origin === origin &&
    event.source === window.parent &&
    window.parent !== window &&
    typeof data === "object" &&
    data !== null &&
    (data as { clerestory?: unknown }).clerestory === "player" &&
    event.ports.length === 1
  );
}

function obey(stage: Stage, message: ToPlayer): void {
  switch (message.type) {
    case "load":
      stage.load(message);
      break;
    case "append":
      stage.append(message.load, message.segments);
      break;
    case "seek":
      stage.seek(message.at_ms);
      break;
    case "play":
      stage.play(message.speed, message.until_ms);
      break;
    case "pause":
      stage.pause();
      break;
    case "speed":
      stage.setSpeed(message.speed);
      break;
    case "resize":
      stage.resize();
      break;
    case "reset":
      stage.reset();
      break;
  }
}

function serve(port: MessagePort, frame: HTMLElement): void {
  const send = (message: FromPlayer) => port.postMessage(message);
  const stage = new Stage(frame, send);
  port.onmessage = (event) => {
    const message = parseToPlayer(event.data);
    if (message === null) {
      send({ type: "error", message: "The message is unknown or malformed; nothing was changed." });
      return;
    }
    try {
      obey(stage, message);
    } catch (error) {
      // One event the engine cannot take must not end the play: the console says so and offers to go on.
      send({
        type: "error",
        message: error instanceof Error ? error.message : "The picture could not be built.",
      });
    }
  };
  window.addEventListener("resize", () => stage.resize());
  window.addEventListener("error", (event) => send({ type: "error", message: event.message }));
  send({ type: "ready", version: PROTOCOL_VERSION });
}

function start(): void {
  const origin = consoleOrigin();
  const frame = document.getElementById("stage");
  const notice = document.getElementById("notice");
  if (frame === null || notice === null) return;
  if (origin === null || window.parent === window) {
    notice.hidden = false;
    return;
  }
  const listen = (event: MessageEvent) => {
    const port = event.ports[0];
    if (!isHandshake(event, origin) || port === undefined) return;
    window.removeEventListener("message", listen);
    serve(port, frame);
  };
  window.addEventListener("message", listen);
}

start();
