// A recording of a screen without the extension: Chromium encodes what a desk could look like, with a tone, and it is
// sent as a browser that joined sends it (docs/formats.md, "Media segment").
import { createHash, randomUUID } from "node:crypto";
import { Api } from "./api.mjs";
import { pause } from "./wait.mjs";

const NOTICE = "2026-1";
const SEGMENT_S = 2;

/** Lets screens be recorded, with sound, after a notice. Whoever asks has proven who they are. */
export async function allowScreens(api) {
  const said = {
    "capture.recording.enabled": true,
    "capture.recording.audio": true,
    "capture.notice.version": NOTICE,
    "capture.notice.legal_basis": "works agreement",
  };
  for (const [name, value] of Object.entries(said)) {
    const { version } = await api.get("/settings");
    const answer = await api.request("PUT", `/settings/${name}`, {
      body: { value },
      headers: { "if-match": `"${version}"` },
    });
    if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}: ${answer.text}`);
  }
}

/**
 * Records the screen of whoever `api` is for, of whole pairs of seconds; answers the recording's id once it is over.
 *
 * @param {Api} api
 * @param {import("playwright-core").Page} page  a page of the console, in which it is drawn and encoded
 * @param {{seconds: number, scale?: number}} options  a scale of 2 is 1920 × 1080
 */
export async function recordScreen(api, page, { seconds, scale = 1 }) {
  const { code } = await api.post("/recorders/codes");
  const { token } = await sent(api, "POST", "/capture/recorders", { code, label: "Laptop in Brackenside" });
  const begunMs = Date.now();
  const started = await sent(
    api,
    "POST",
    "/capture/screens/start",
    {
      writer: randomUUID(),
      resume: null,
      client_time_ms: begunMs,
      surface: "tab",
      audio: true,
      notice: NOTICE,
    },
    token,
  );
  const { video, audio } = await page.evaluate(encode, { begunMs, seconds, scale });
  // What lies ahead of the server's clock is not taken.
  await pause(begunMs + seconds * 1000 - Date.now() + 500);
  const policy = { "clerestory-policy": String(started.policy.version) };
  const put = (kind, number, body, type) =>
    sent(api, "PUT", `/capture/screens/segments/${kind}/${number}`, body, started.token, {
      ...policy,
      "content-type": type,
      "content-digest": `sha-256=:${createHash("sha256").update(body).digest("base64")}:`,
    });
  for (let number = 0; number < seconds / SEGMENT_S; number += 1) {
    const from = (begunMs + number * SEGMENT_S * 1000) * 1000;
    const within = ({ at }) => at >= from && at < from + SEGMENT_S * 1_000_000;
    for (const [kind, { head, chunks }] of Object.entries({ video, audio }))
      await put(kind, number, media(kind, head, chunks.filter(within)), "application/vnd.clerestory.media");
  }
  await put("actions", 0, Buffer.from(JSON.stringify(acts(begunMs))), "application/json");
  await sent(api, "POST", "/capture/screens/end", { reason: "stopped" }, started.token);
  return started.recording;
}

/** What they did meanwhile. Pressed keys and idle times end at `t`. */
function acts(begunMs) {
  const at = (seconds, what) => ({ t: begunMs + seconds * 1000, tab: 1, ...what });
  const target = (role, name) => ({ role, name, tag: role === "link" ? "a" : role });
  return [
    at(0, { kind: "navigate", url: "https://desk.example/orders", title: "Orders" }),
    at(2, { kind: "click", target: target("link", "Order 4711"), x: 0.4, y: 0.3 }),
    at(6, { kind: "keys", count: 14, ms: 2500 }),
    at(7, { kind: "click", target: target("button", "Refund"), x: 0.8, y: 0.7 }),
    { t: begunMs + 15_000, kind: "idle", ms: 7000 },
    at(15, { kind: "click", target: target("button", "Done"), x: 0.8, y: 0.8 }),
  ];
}

/** A request of a browser that joined, with its token and no cookie. */
async function sent(api, method, path, body, token, headers = {}) {
  const answer = await new Api(api.info).request(method, path, {
    body,
    headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
  });
  if (answer.status < 200 || answer.status > 299)
    throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 400)}`);
  return answer.json;
}

/** Encoded chunks as one segment. */
function media(kind, head, chunks) {
  const said = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(12);
  start.write("clmd");
  start.writeUInt8(1, 4);
  start.writeUInt8(kind === "video" ? 1 : 2, 5);
  start.writeUInt32BE(said.length, 8);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(chunks.length);
  const bodies = chunks.map(({ bytes }) => Buffer.from(bytes, "base64"));
  const rows = chunks.map(({ at, lasts, key }, n) => {
    const row = Buffer.alloc(20);
    row.writeBigInt64BE(BigInt(at));
    row.writeUInt32BE(lasts, 8);
    row.writeUInt32BE(bodies[n].length, 12);
    row.writeUInt8(key ? 1 : 0, 16);
    return row;
  });
  return Buffer.concat([start, said, count, ...rows, ...bodies]);
}

/** Runs in a page: draws a desk with somebody at work, and encodes it with a tone that comes and goes. */
async function encode({ begunMs, seconds, scale }) {
  const RATE = 48_000;
  const FPS = 5;
  const from = begunMs * 1000;
  const text = (bytes) => {
    let all = "";
    for (const byte of bytes) all += String.fromCharCode(byte);
    return btoa(all);
  };
  const gather = (into) => (chunk) => {
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    into.push({
      at: chunk.timestamp,
      lasts: chunk.duration ?? 0,
      key: chunk.type === "key",
      bytes: text(bytes),
    });
  };
  const fail = (error) => {
    throw error;
  };

  const [width, height] = [960 * scale, 540 * scale];
  const canvas = new OffscreenCanvas(width, height);
  const draw = canvas.getContext("2d");
  draw.scale(scale, scale);
  const words = (string, x, y, font = "16px sans-serif", colour = "#1d2430") => {
    draw.fillStyle = colour;
    draw.font = font;
    draw.fillText(string, x, y);
  };
  const box = (x, y, width, height, colour) => {
    draw.fillStyle = colour;
    draw.fillRect(x, y, width, height);
  };
  const paint = (second) => {
    box(0, 0, 960, 540, "#f4f5f7");
    box(0, 0, 960, 48, "#25324a");
    words("Orders", 24, 31, "600 18px sans-serif", "#ffffff");
    for (let row = 0; row < 6; row += 1) {
      const open = second >= 2 && row === 1;
      box(24, 72 + row * 46, 560, 40, open ? "#dbe7ff" : "#ffffff");
      words(`Order ${4710 + row}`, 40, 98 + row * 46);
      words(["Socks", "Lamp", "Kettle", "Linen", "Knives", "Bowl"][row], 220, 98 + row * 46);
      words(`${19 + row * 7}.00`, 500, 98 + row * 46);
    }
    if (second >= 2) {
      box(608, 72, 328, 316, "#ffffff");
      words("Order 4711", 628, 104, "600 18px sans-serif");
      words("A lamp that came without its shade", 628, 134, "14px sans-serif", "#5a6475");
      box(628, 160, 288, 110, "#f4f5f7");
      words("We send the shade today.".slice(0, Math.max(0, Math.floor((second - 3.5) * 9))), 640, 188);
      box(816, 292, 100, 36, second >= 7 ? "#2f7d4f" : "#25324a");
      words(second >= 7 ? "Refunded" : "Refund", 832, 315, "14px sans-serif", "#ffffff");
    }
    const [x, y] =
      second < 2 ? [200 + second * 90, 320 - second * 80] : [Math.min(860, 380 + second * 68), 305];
    draw.beginPath();
    draw.moveTo(x, y);
    draw.lineTo(x, y + 22);
    draw.lineTo(x + 6, y + 16);
    draw.lineTo(x + 15, y + 15);
    draw.closePath();
    draw.fillStyle = "#000000";
    draw.fill();
  };
  const pictures = [];
  const video = new VideoEncoder({ output: gather(pictures), error: fail });
  video.configure({ codec: "vp8", width, height, bitrate: 1_200_000, framerate: FPS });
  for (let n = 0; n < seconds * FPS; n += 1) {
    paint(n / FPS);
    const lasts = 1_000_000 / FPS;
    const frame = new VideoFrame(canvas, { timestamp: from + n * lasts, duration: lasts });
    video.encode(frame, { keyFrame: n % (FPS * 2) === 0 });
    frame.close();
  }
  await video.flush();
  video.close();

  const sounds = [];
  let description;
  const audio = new AudioEncoder({
    output: (chunk, told) => {
      if (told?.decoderConfig?.description) description = new Uint8Array(told.decoderConfig.description);
      gather(sounds)(chunk);
    },
    error: fail,
  });
  audio.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1, bitrate: 32_000 });
  for (let n = 0; n < seconds * 10; n += 1) {
    const samples = new Float32Array(RATE / 10);
    const loud = 0.25 * Math.abs(Math.sin(n / 6));
    for (let k = 0; k < samples.length; k += 1)
      samples[k] = loud * Math.sin((2 * Math.PI * 330 * (n * samples.length + k)) / RATE);
    const data = new AudioData({
      format: "f32",
      sampleRate: RATE,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp: from + n * 100_000,
      data: samples,
    });
    audio.encode(data);
    data.close();
  }
  await audio.flush();
  audio.close();
  const url = (bytes) => text(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return {
    video: { head: { codec: "vp8", width, height, gaps: [] }, chunks: pictures },
    audio: {
      head: {
        codec: "opus",
        sample_rate: RATE,
        channels: 1,
        ...(description ? { description: url(description) } : {}),
        gaps: [],
      },
      chunks: sounds,
    },
  };
}
