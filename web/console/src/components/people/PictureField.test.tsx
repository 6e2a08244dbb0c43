import { QueryClientProvider } from "@tanstack/react-query";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, expect, it, vi } from "vitest";
import { queryClient } from "../../queryClient";
import { PictureField } from "./PictureField";

const ada = { id: "per_1", name: "Ada", initials: "A" };
let page: Root;
afterEach(() => {
  page.unmount();
  document.body.textContent = "";
  vi.unstubAllGlobals();
  queryClient.clear();
});

function open(picture: number | null): { asked: string[]; root: HTMLElement } {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    asked.push(`${init.method} ${url} ${new Headers(init.headers).get("content-type")}`);
    const problem = {
      type: "urn:clerestory:problem:not-a-picture",
      title: "This is no picture",
      status: 415,
      detail: "This is not a picture that can be read: PNG, JPEG, WebP or GIF.",
    };
    return new Response(JSON.stringify(problem), { status: 415 });
  });
  const root = document.body.appendChild(document.createElement("div"));
  page = createRoot(root);
  page.render(
    <QueryClientProvider client={queryClient}>
      <PictureField person={{ ...ada, picture }} own />
    </QueryClientProvider>,
  );
  return { asked, root };
}

function choose(root: HTMLElement, file: File): void {
  const input = root.querySelector("input");
  if (!input) throw new Error("there is no field for a file");
  Object.defineProperty(input, "files", { value: [file], configurable: true });
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

it("sends a file as it is, and says why it was refused", async () => {
  const { asked, root } = open(null);
  await vi.waitFor(() => expect(root.textContent).toContain("Choose a picture"));
  expect(root.querySelector("img")).toBeNull();
  choose(root, new File(["<svg>"], "a.png", { type: "image/png" }));
  await vi.waitFor(() => expect(root.textContent).toContain("not a picture that can be read"));
  expect(root.textContent).toContain("The picture is as it was.");
  expect(asked).toEqual(["PUT /api/v1/people/per_1/picture application/octet-stream"]);
});

it("asks no server about what is no picture by its name, and shows the one there is", async () => {
  const { asked, root } = open(3);
  await vi.waitFor(() => expect(root.querySelector("img")).not.toBeNull());
  expect(root.querySelector("img")?.getAttribute("src")).toBe(
    "/api/v1/people/per_1/picture?size=256&version=3",
  );
  choose(root, new File(["x"], "a.svg", { type: "image/svg+xml" }));
  await vi.waitFor(() => expect(root.textContent).toContain("not a picture that can be read"));
  expect(asked).toEqual([]);
});
