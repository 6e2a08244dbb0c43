/** Every icon of the console, drawn on a 16 px grid. Shapes come from the token sheet's mock-ups. */
import type { ReactElement } from "react";

const shapes = {
  back: (
    <>
      <path d="M9.5 3.5 5 8l4.5 4.5" />
    </>
  ),
  back10: (
    <>
      <path d="M3.2 8a4.8 4.8 0 1 0 1.6-3.6M3 2.8v2.4h2.4" />
    </>
  ),
  backup: (
    <>
      <rect x="2.5" y="8.5" width="11" height="5" rx="1.2" />
      <path d="M8 2v5M5.8 4.2 8 2l2.2 2.2M11.3 11h.1" />
    </>
  ),
  bin: (
    <>
      <path d="M3 4.5h10M6.3 4.5v-2h3.4v2M4.3 4.5l.6 9h6.2l.6-9M6.8 7v4M9.2 7v4" />
    </>
  ),
  blind: (
    <>
      <path d="M3 2.5h10v11H3zM3 5.2h10M3 8h10M3 10.8h10" />
    </>
  ),
  bolt: (
    <>
      <path d="M8.8 2 4 9h3.5l-.6 5L12 7H8.3z" />
    </>
  ),
  camera: (
    <>
      <rect x="2" y="4.5" width="12" height="8.5" rx="1.3" />
      <path d="M5.7 4.5 6.7 3h2.6l1 1.5" />
      <circle cx="8" cy="8.7" r="2.2" />
    </>
  ),
  cert: (
    <>
      <rect x="2" y="2.5" width="12" height="8" rx="1.2" />
      <path d="M4.5 5.2h5M4.5 7.5h3" />
      <circle cx="11" cy="10" r="1.9" />
      <path d="m9.9 11.6-.4 2.6 1.5-.8 1.5.8-.4-2.6" />
    </>
  ),
  check: (
    <>
      <path d="m3.5 8.5 3 3 6-7" />
    </>
  ),
  chev: (
    <>
      <path d="m4.5 6.5 3.5 3.5 3.5-3.5" />
    </>
  ),
  chevr: (
    <>
      <path d="m6.5 4.5 3.5 3.5-3.5 3.5" />
    </>
  ),
  click: (
    <>
      <path d="m6 6 7.5 2.8-3.2 1.5-1.5 3.2z" />
      <path d="M3.2 8A3 3 0 0 1 8 3.2" />
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <path d="M8 4.8V8l2.2 1.6" />
    </>
  ),
  close: (
    <>
      <path d="m4 4 8 8M12 4l-8 8" />
    </>
  ),
  comment: (
    <>
      <path d="M2.5 3h11v7.5H8l-3 2.7v-2.7H2.5z" />
    </>
  ),
  console: (
    <>
      <path d="m3 5 3 3-3 3M8 11.5h5" />
    </>
  ),
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.2" />
      <path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />
    </>
  ),
  cut: (
    <>
      <circle cx="4.5" cy="4.5" r="1.8" />
      <circle cx="4.5" cy="11.5" r="1.8" />
      <path d="M6 5.6 13 11M6 10.4 13 5" />
    </>
  ),
  desktop: (
    <>
      <rect x="1.8" y="4.5" width="12.4" height="7.5" rx="1.3" />
      <path d="M4.3 7h.2M6.8 7H7M9.2 7h.2M11.6 7h.2M5 9.6h6" />
    </>
  ),
  disk: (
    <>
      <ellipse cx="8" cy="4.2" rx="5.2" ry="1.9" />
      <path d="M2.8 4.2v7.6c0 1 2.3 1.9 5.2 1.9s5.2-.9 5.2-1.9V4.2M2.8 8c0 1 2.3 1.9 5.2 1.9S13.2 9 13.2 8" />
    </>
  ),
  doc: (
    <>
      <path d="M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2.5" />
    </>
  ),
  dots: (
    <>
      <circle className="f" cx="3.5" cy="8" r="1.2" />
      <circle className="f" cx="8" cy="8" r="1.2" />
      <circle className="f" cx="12.5" cy="8" r="1.2" />
    </>
  ),
  download: (
    <>
      <path d="M8 2.5v7M5.3 7 8 9.7 10.7 7M3 13h10" />
    </>
  ),
  erase: (
    <>
      <path d="M3.5 2.5h9v5h-9zM2 7.5h12M4.5 10v3.5M7 10v2.2M9.5 10v3.5M12 10v2.2" />
    </>
  ),
  eye: (
    <>
      <path d="M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8z" />
      <circle cx="8" cy="8" r="1.9" />
    </>
  ),
  fit: (
    <>
      <path d="M2.5 5.5v-3h3M13.5 5.5v-3h-3M2.5 10.5v3h3M13.5 10.5v3h-3" />
    </>
  ),
  flag: (
    <>
      <path d="M4 14V2.5h8l-2 2.8 2 2.7H4" />
    </>
  ),
  fwd10: (
    <>
      <path d="M12.8 8a4.8 4.8 0 1 1-1.6-3.6M13 2.8v2.4h-2.4" />
    </>
  ),
  gap: (
    <>
      <path d="M2.5 3.5h11v9h-11zM2.5 8h11M6 3.5V8M10 8v4.5" />
    </>
  ),
  grid: (
    <>
      <rect x="2.5" y="3" width="4.6" height="4.2" rx=".8" />
      <rect x="8.9" y="3" width="4.6" height="4.2" rx=".8" />
      <rect x="2.5" y="9" width="4.6" height="4.2" rx=".8" />
      <rect x="8.9" y="9" width="4.6" height="4.2" rx=".8" />
    </>
  ),
  hold: (
    <>
      <path d="M5 2.5h6M6 2.5v4.2L4.2 9.5h7.6L10 6.7V2.5M8 9.5v4.3" />
    </>
  ),
  key: (
    <>
      <circle cx="5" cy="8" r="2.7" />
      <path d="M7.7 8h6M11.2 8v2.6M13.4 8v1.8" />
    </>
  ),
  ledger: (
    <>
      <path d="M4 2.5h8.5v11H4a1.2 1.2 0 0 1-1.2-1.2V3.7A1.2 1.2 0 0 1 4 2.5zM5.5 5.5h4.5M5.5 8h4.5M5.5 10.5h3" />
    </>
  ),
  link: (
    <>
      <path d="M6.8 9.2 9.2 6.8M7.2 4.8l1.5-1.5a2.8 2.8 0 0 1 4 4l-1.5 1.5M8.8 11.2l-1.5 1.5a2.8 2.8 0 0 1-4-4l1.5-1.5" />
    </>
  ),
  list: (
    <>
      <path d="M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1" />
    </>
  ),
  live: (
    <>
      <circle className="f" cx="8" cy="8" r="1.6" />
      <path d="M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.2 12.8a6.8 6.8 0 0 1 0-9.6M12.8 3.2a6.8 6.8 0 0 1 0 9.6" />
    </>
  ),
  mail: (
    <>
      <rect x="2" y="3.5" width="12" height="9" rx="1.2" />
      <path d="m2.5 4.5 5.5 4.2 5.5-4.2" />
    </>
  ),
  markin: (
    <>
      <path d="M6.5 3h-3v10h3M6.5 8h6" />
    </>
  ),
  markout: (
    <>
      <path d="M9.5 3h3v10h-3M9.5 8h-6" />
    </>
  ),
  more: (
    <>
      <path d="M3 5h10M3 8h10M3 11h10" />
    </>
  ),
  mute: (
    <>
      <path d="M3 6.2h2L8 3.5v9L5 9.8H3zM10.5 6.2l3 3.6m0-3.6-3 3.6" />
    </>
  ),
  network: (
    <>
      <path d="M5 12.5v-9M2.8 5.7 5 3.5l2.2 2.2M11 3.5v9M8.8 10.3 11 12.5l2.2-2.2" />
    </>
  ),
  next: (
    <>
      <path className="f" d="M4 3.8v8.4c0 .4.4.6.7.4L10 8.4a.5.5 0 0 0 0-.8L4.7 3.4c-.3-.2-.7 0-.7.4z" />
      <path d="M12 3.5v9" />
    </>
  ),
  now: (
    <>
      <path d="M1.5 8h3l2-4.5 3 9 2-4.5h3" />
    </>
  ),
  open: (
    <>
      <path d="M4 13.5V6.8a4 4 0 0 1 8 0v6.7z" />
      <path d="M8 3v10.5M4 8.5h8" />
    </>
  ),
  page: (
    <>
      <path d="M4 2.5h5l3 3v8H4z" />
      <path d="M9 2.5v3h3" />
    </>
  ),
  pen: (
    <>
      <path d="m3 13 .6-2.9 7-7 2.3 2.3-7 7zM9.3 4.4l2.3 2.3" />
    </>
  ),
  pause: (
    <>
      <rect className="f" x="4" y="3" width="3" height="10" rx=".8" />
      <rect className="f" x="9" y="3" width="3" height="10" rx=".8" />
    </>
  ),
  people: (
    <>
      <circle cx="6" cy="5.8" r="2.2" />
      <path d="M2 12.8c.3-2.3 1.9-3.5 4-3.5s3.7 1.2 4 3.5M10.3 3.8a2.2 2.2 0 0 1 0 4M11.8 9.6c1.3.5 2 1.6 2.2 3.2" />
    </>
  ),
  pick: (
    <>
      <path d="M2.5 5.5v-3h3M10.5 2.5h3v3M2.5 10.5v3h3" />
      <path d="m7.5 7.5 6 2.2-2.6 1.2-1.2 2.6z" />
    </>
  ),
  play: (
    <>
      <path className="f" d="M5 3.2v9.6c0 .4.4.6.7.4l7.2-4.8c.3-.2.3-.6 0-.8L5.7 2.8c-.3-.2-.7 0-.7.4z" />
    </>
  ),
  plus: (
    <>
      <path d="M8 3.5v9M3.5 8h9" />
    </>
  ),
  prev: (
    <>
      <path className="f" d="M12 3.8v8.4c0 .4-.4.6-.7.4L6 8.4a.5.5 0 0 1 0-.8l5.3-4.2c.3-.2.7 0 .7.4z" />
      <path d="M4 3.5v9" />
    </>
  ),
  question: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <path d="M6.3 6.5a1.7 1.7 0 1 1 2.5 1.5c-.6.3-.8.6-.8 1.2" />
      <circle className="f" cx="8" cy="11" r=".8" />
    </>
  ),
  screen: (
    <>
      <rect x="1.8" y="3" width="12.4" height="8" rx="1.3" />
      <path d="M5.5 13.3h5M8 11v2.3" />
    </>
  ),
  seal: (
    <>
      <path d="M4 13.5V6.8a4 4 0 0 1 8 0v6.7z" />
      <path d="M8 8.2v2.3" />
      <circle className="f" cx="8" cy="7.8" r="1.05" />
    </>
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>
  ),
  share: (
    <>
      <path d="M8 9.5V2.5M5.5 4.8 8 2.3l2.5 2.5M4.5 7.5h-1v6h9v-6h-1" />
    </>
  ),
  shares: (
    <>
      <circle cx="8" cy="3.8" r="1.7" />
      <circle cx="3.6" cy="11.5" r="1.7" />
      <circle cx="12.4" cy="11.5" r="1.7" />
      <path d="m7.2 5.4-2.8 4.5M8.8 5.4l2.8 4.5M5.3 11.5h5.4" />
    </>
  ),
  skip: (
    <>
      <path className="f" d="M2.5 4.5v7l5-3.5zM8.5 4.5v7l5-3.5z" />
    </>
  ),
  sliders: (
    <>
      <path d="M2.5 5h7M12.5 5h1M2.5 11h1M6.5 11h7" />
      <circle cx="11" cy="5" r="1.5" />
      <circle cx="5" cy="11" r="1.5" />
    </>
  ),
  sound: (
    <>
      <path d="M2.5 7v2M5 5v6M7.7 3v10M10.4 5.5v5M13 7v2" />
    </>
  ),
  sun: (
    <>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1" />
    </>
  ),
  trust: (
    <>
      <path d="M8 1.8 13 3.8v4c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4v-4z" />
      <path d="m5.7 8 1.7 1.7 3-3.4" />
    </>
  ),
  warn: (
    <>
      <path d="M8 2.5 14.2 13H1.8z" />
      <path d="M8 6.6v3" />
      <circle className="f" cx="8" cy="11.2" r=".8" />
    </>
  ),
  web: (
    <>
      <rect x="2" y="3" width="12" height="10" rx="1.5" />
      <path d="M2 6h12" />
      <circle className="f" cx="4.2" cy="4.5" r=".7" />
      <circle className="f" cx="6.2" cy="4.5" r=".7" />
    </>
  ),
  window: (
    <>
      <path d="M4 13.5V6.8a4 4 0 0 1 8 0v6.7z" />
    </>
  ),
} satisfies Record<string, ReactElement>;

export type IconName = keyof typeof shapes;

/** A decorative icon: its meaning is always also in words beside it or in the control's label. */
export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg className={small ? "i i-s" : "i"} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
