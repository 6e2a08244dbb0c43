import { useEffect, useState } from "react";
import { Icon } from "./Icon";

/** Copies a text, and says for two seconds that it did or that the browser refused. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("The browser refused; select the text instead");
    }
  };
  return (
    <button type="button" className="b s" onClick={() => void copy()}>
      <Icon name={said === "Copied" ? "check" : "copy"} />
      <span role="status">{said ?? label}</span>
    </button>
  );
}
