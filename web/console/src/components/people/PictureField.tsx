import { useMutation } from "@tanstack/react-query";
import { type DragEvent, useId, useRef, useState } from "react";
import { removePicture, setPicture } from "../../api/operations";
import type { PersonRef } from "../../api/types";
import { pictureFault } from "../../lib/pictures";
import { queryClient } from "../../queryClient";
import { Icon } from "../Icon";
import { Person } from "../Person";
import { Wrong } from "../Wrong";

interface PictureFieldProps {
  person: PersonRef;
  /** True where it is one's own. */
  own: boolean;
}

/** Somebody's picture, large, with the ways to give them another: a file that is dropped here, or chosen. */
export function PictureField({ person, own }: PictureFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const set = useMutation({ mutationFn: (file: File) => setPicture(person.id, file), onSuccess: refresh });
  const remove = useMutation({ mutationFn: () => removePicture(person.id), onSuccess: refresh });
  const busy = set.isPending || remove.isPending;
  const take = (file: File | undefined) => {
    if (!file || busy) return;
    remove.reset();
    set.reset();
    const found = pictureFault(file);
    setFault(found);
    if (found === null) set.mutate(file);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return (
    <section
      className={over ? "picture over" : "picture"}
      aria-label={own ? "Your picture" : `The picture of ${person.name}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Person person={person} large />
      <div className="grow">
        <div className="row acts">
          <button type="button" className="b s" disabled={busy} onClick={() => input.current?.click()}>
            Choose a picture…
          </button>
          {typeof person.picture === "number" && (
            <button type="button" className="b s end" disabled={busy} onClick={() => remove.mutate()}>
              Remove it
            </button>
          )}
        </div>
        <label className="small ink2" htmlFor={id}>
          Or drop a file here: PNG, JPEG, WebP or GIF, 5 MiB at most. A small square of its middle is kept,
          and nothing else that is in the file.
        </label>
        <input
          ref={input}
          id={id}
          className="vh"
          type="file"
          tabIndex={-1}
          accept="image/png,image/jpeg,image/webp,image/gif"
          onChange={(event) => {
            take(event.currentTarget.files?.[0]);
            // The same file again is a choice too.
            event.currentTarget.value = "";
          }}
        />
        {set.isPending && <progress aria-label="The picture is being sent" />}
        {fault !== null && (
          <p className="note danger" role="alert">
            <Icon name="warn" />
            <span>{fault}</span>
          </p>
        )}
        {set.error && <Wrong error={set.error} what="The picture is as it was." />}
        {remove.error && <Wrong error={remove.error} what="The picture is still there." />}
      </div>
    </section>
  );
}

/** Pictures stand beside names everywhere; where lists are on record they follow when they are next asked for. */
async function refresh(): Promise<void> {
  await Promise.all(
    ["session", "people", "person"].map((name) => queryClient.invalidateQueries({ queryKey: [name] })),
  );
}
