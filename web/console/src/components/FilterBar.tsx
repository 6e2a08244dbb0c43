import type { ReactNode } from "react";

interface FilterBarProps {
  label: string;
  /** Plain words with WordPickers between them. */
  sentence: ReactNode;
  /** How much the sentence found. */
  aside?: ReactNode;
}

/** A filter that reads as a sentence. `[data-sentence] button` is where the key F leads. */
export function FilterBar({ label, sentence, aside }: FilterBarProps) {
  return (
    <fieldset className="sent" data-sentence aria-label={label}>
      <p>{sentence}</p>
      {aside !== undefined && (
        <span className="ink3 num nowrap" role="status">
          {aside}
        </span>
      )}
    </fieldset>
  );
}

/** Puts the focus on the first word of the page's sentence that can be changed. */
export function focusSentence(): void {
  document.querySelector<HTMLElement>("[data-sentence] button")?.focus();
}
