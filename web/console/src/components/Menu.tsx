import type { ReactNode } from "react";
import { Menu as AriaMenu, Button, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Icon } from "./Icon";

export interface Choice {
  id: string;
  text: string;
  note?: string;
}

interface PickerProps {
  /** What is chosen between, for those who hear the page: "Site". */
  label: string;
  choices: readonly Choice[];
  chosen: string;
  onChoose: (id: string) => void;
  /** True where the choice narrows: its word is lit. */
  hit?: boolean;
}

/** A word of a sentence that can be changed: pressing it lists the other words. */
export function WordPicker({ label, choices, chosen, onChoose, hit = false }: PickerProps) {
  const current = choices.find((choice) => choice.id === chosen);
  const text = current?.text ?? chosen;
  return (
    <MenuTrigger>
      <Button className={hit ? "tk hit" : "tk"} aria-label={`${label}: ${text}`}>
        {text}
        <Icon name="chev" small />
      </Button>
      <Popover className="pop" placement="bottom start" offset={4}>
        <AriaMenu
          className="menu"
          aria-label={label}
          selectionMode="single"
          disallowEmptySelection
          selectedKeys={[chosen]}
          onAction={(key) => onChoose(String(key))}
        >
          {choices.map((choice) => (
            <Line key={choice.id} choice={choice} />
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}

function Line({ choice }: { choice: Choice }) {
  return (
    <MenuItem id={choice.id} className="mi" textValue={choice.text}>
      <span>
        {choice.text}
        {choice.note && <small>{choice.note}</small>}
      </span>
      <span className="mi-check">
        <Icon name="check" small />
      </span>
    </MenuItem>
  );
}

/** A menu of things to do, hung from a button. */
export function ActionMenu({
  trigger,
  label,
  children,
}: {
  trigger: ReactNode;
  label: string;
  children: ReactNode;
}) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover className="pop" placement="bottom end" offset={6}>
        <AriaMenu className="menu" aria-label={label}>
          {children}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
