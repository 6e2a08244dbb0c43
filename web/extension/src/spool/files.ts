/**
 * A dedicated worker that owns the files: only here may they be flushed to the disk. Below `runs/` each browser run
 * has a folder; below `quarantine/` lies what the server refused.
 */

import { UNFINISHED } from "./names";

export type FileRequest =
  | { readonly op: "write"; readonly path: readonly string[]; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly op: "read"; readonly path: readonly string[] }
  | { readonly op: "list"; readonly path: readonly string[] }
  | { readonly op: "remove"; readonly path: readonly string[] }
  | { readonly op: "move"; readonly path: readonly string[]; readonly to: readonly string[] };

export interface Listed {
  readonly name: string;
  readonly isFolder: boolean;
  readonly size: number;
}

type Answer = { readonly result: unknown } | { readonly error: string };

async function folder(path: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
  let at = await navigator.storage.getDirectory();
  for (const name of path) at = await at.getDirectoryHandle(name, { create });
  return at;
}

const isMissing = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "NotFoundError";

/** Whole or not at all: under another name until every byte is on the disk. */
async function write(path: readonly string[], bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const name = path.at(-1) ?? "";
  const place = await folder(path.slice(0, -1), true);
  const file = await place.getFileHandle(name + UNFINISHED, { create: true });
  const access = await file.createSyncAccessHandle();
  try {
    access.truncate(0);
    if (access.write(bytes, { at: 0 }) !== bytes.length) throw new Error("the disk took a part only");
    access.flush();
  } finally {
    access.close();
  }
  await file.move(name);
}

async function read(path: readonly string[]): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const place = await folder(path.slice(0, -1), false);
    const file = await (await place.getFileHandle(path.at(-1) ?? "")).getFile();
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function list(path: readonly string[]): Promise<Listed[]> {
  const found: Listed[] = [];
  try {
    for await (const handle of (await folder(path, false)).values()) {
      const isFolder = handle.kind === "directory";
      const size = isFolder ? 0 : (await (handle as FileSystemFileHandle).getFile()).size;
      found.push({ name: handle.name, isFolder, size });
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return found;
}

async function remove(path: readonly string[]): Promise<void> {
  try {
    const place = await folder(path.slice(0, -1), false);
    await place.removeEntry(path.at(-1) ?? "", { recursive: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function move(path: readonly string[], to: readonly string[]): Promise<void> {
  const place = await folder(path.slice(0, -1), false);
  const file = await place.getFileHandle(path.at(-1) ?? "");
  await file.move(await folder(to.slice(0, -1), true), to.at(-1) ?? "");
}

function perform(request: FileRequest): Promise<unknown> {
  switch (request.op) {
    case "write":
      return write(request.path, request.bytes);
    case "read":
      return read(request.path);
    case "list":
      return list(request.path);
    case "remove":
      return remove(request.path);
    case "move":
      return move(request.path, request.to);
  }
}

/** One after the other: two of them about one file would get in each other's way. */
let before: Promise<void> = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<{ id: number; request: FileRequest }>) => {
  const { id, request } = data;
  before = before.then(async () => {
    let answer: Answer;
    try {
      answer = { result: await perform(request) };
    } catch (error) {
      answer = { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
    }
    self.postMessage({ id, answer });
  });
});
