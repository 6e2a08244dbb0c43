import { useEffect, useState } from "react";
import type { RecordingItem } from "../../api/types";
import { type Address, addressOf, noPreview, previewAlt } from "../../lib/previews";
import { sourceOf } from "../../lib/recording";
import { Icon } from "../Icon";

interface PreviewPictureProps {
  item: RecordingItem;
  /** Whether the words beside it are enough, so that it is only looked at. */
  decorative?: boolean;
  /** Whether there is room to say why there is none. */
  words?: boolean;
}

/** A picture of what was recorded. Its place has its size before the picture comes; the server keeps it from being kept. */
export function PreviewPicture({ item, decorative = false, words = false }: PreviewPictureProps) {
  const offered = item.preview?.url ?? null;
  const [address, setAddress] = useState<Address | null>(() => addressOf(offered, null, Date.now()));
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => setAddress((before) => addressOf(offered, before, Date.now())), [offered]);
  const shown = address !== null && failed !== address.url;
  const none = noPreview(item);
  /** One that does not come may have waited too long for its turn: the newest address is tried once. */
  const onError = () => {
    setFailed(address?.url ?? null);
    if (address && offered !== null && offered !== address.url) {
      setAddress({ url: offered, takenAt: Date.now() });
    }
  };
  return (
    <span className="pic" title={words ? undefined : none?.long}>
      <Icon name={sourceOf(item.source).icon} />
      {shown && (
        <img
          src={address.url}
          alt={decorative ? "" : previewAlt(item)}
          width={item.preview?.width}
          height={item.preview?.height}
          loading="lazy"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={onError}
        />
      )}
      {!shown && words && none && (
        <span className="nopic small" title={none.long}>
          {none.short}
        </span>
      )}
      {!shown && none && <span className="vh">{none.long}</span>}
    </span>
  );
}
