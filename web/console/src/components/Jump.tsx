import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Autocomplete, Input, Menu, MenuItem, TextField, useFilter } from "react-aria-components";
import { useSession } from "../api/session";
import { placesFor, recordingIn } from "../lib/places";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";

/** Search or jump to: a place by its name, or a recording by its id. */
export default function Jump({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { contains } = useFilter({ sensitivity: "base" });
  const places = placesFor(useSession().allowed);
  const [text, setText] = useState("");
  const navigate = useNavigate();
  const recording = recordingIn(text);
  const go = (act: () => void) => () => {
    onClose();
    act();
  };
  return (
    <Dialog title="Search or jump to" isOpen={isOpen} onClose={onClose}>
      <Autocomplete
        inputValue={text}
        onInputChange={setText}
        filter={(item, typed) => recordingIn(typed) !== null || contains(item, typed)}
      >
        <TextField className="jump-field" aria-label="A place, or the id of a recording" autoFocus>
          <Input className="jump-in" placeholder="A place, or the id of a recording" />
        </TextField>
        <Menu
          className="menu jump-menu"
          aria-label="Found"
          renderEmptyState={() => <p className="pad ink2">No place has this name.</p>}
        >
          {recording ? (
            <MenuItem
              className="mi"
              id={recording}
              textValue={recording}
              onAction={go(
                () => void navigate({ to: "/recordings/$id", params: { id: recording }, search: {} }),
              )}
            >
              <Icon name="play" small />
              <span>
                Open this recording <code>{recording}</code>
              </span>
            </MenuItem>
          ) : (
            places.map((place) => (
              <MenuItem
                className="mi"
                key={place.to}
                id={place.to}
                textValue={place.name}
                onAction={go(() => void navigate({ to: place.to }))}
              >
                <Icon name={place.icon} small />
                {place.name}
                <kbd>G {place.letter.toUpperCase()}</kbd>
              </MenuItem>
            ))
          )}
        </Menu>
      </Autocomplete>
    </Dialog>
  );
}
