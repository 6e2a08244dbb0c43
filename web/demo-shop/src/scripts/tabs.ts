/** Tabs by the ARIA pattern: arrows move, the chosen tab is the only one in the tab order. */
export function wireTabs(container: HTMLElement): void {
  const tabs = [...container.querySelectorAll<HTMLButtonElement>('[role="tab"]')];
  const choose = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) panel.hidden = !on;
    }
  };
  container.addEventListener("click", (event) => {
    const tab =
      event.target instanceof Element ? event.target.closest<HTMLButtonElement>('[role="tab"]') : null;
    if (tab) choose(tab);
  });
  container.addEventListener("keydown", (event) => {
    const active = document.activeElement;
    const at = active instanceof HTMLButtonElement ? tabs.indexOf(active) : -1;
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = step === 0 || at < 0 ? undefined : tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    choose(next);
    next.focus();
  });
}
