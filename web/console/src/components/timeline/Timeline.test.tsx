import { expect, it } from "vitest";
import { draw, sessionOf } from "../../testing/draw";
import { soon } from "../../testing/soon";
import { Timeline } from "./Timeline";

function timeline(hover: boolean): Promise<HTMLElement> {
  const shows = (atUs: number) => <i>{`the screen at ${atUs / 1e6} s`}</i>;
  draw(
    <Timeline
      durationUs={60e6}
      atUs={20e6}
      lit
      panes={["lit", "lit"]}
      panesLabel="A minute."
      pins={[]}
      bricks={[]}
      lanes={[]}
      onSeek={() => undefined}
      {...(hover ? { hover: shows } : {})}
    />,
    sessionOf([]),
  );
  return soon(() => {
    const slider = document.querySelector<HTMLElement>("[role=slider]");
    if (!slider) throw new Error("there is no slider");
    return slider;
  });
}

const shown = () => document.querySelector(".tl-hover i")?.textContent ?? null;
const press = (on: HTMLElement, key: string) =>
  on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

it("shows what was at a moment that a key leads to, until the slider is left", async () => {
  const slider = await timeline(true);
  slider.focus();
  expect(shown()).toBeNull();
  press(slider, "PageUp");
  await soon(() => expect(shown()).toBe("the screen at 30 s"));
  press(slider, "Home");
  await soon(() => expect(shown()).toBe("the screen at 0 s"));
  press(slider, "x");
  expect(shown()).toBe("the screen at 0 s");
  slider.blur();
  await soon(() => expect(shown()).toBeNull());
});

it("shows nothing where there are no pictures", async () => {
  const slider = await timeline(false);
  slider.focus();
  press(slider, "End");
  await Promise.resolve();
  expect(document.querySelector(".tl-hover")).toBeNull();
});
