import { RecorderList } from "../components/recorders/RecorderList";
import { useTitle } from "../lib/useTitle";
import "../styles/settings.css";

/** Browsers that record screens, whoever's: those the reader may see, and ending them. One's own join on My data. */
export default function Recorders() {
  useTitle("Screen recorders");
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Screen recorders</h1>
          <p>
            Browsers with the extension that records what one shows it. Each records the screen of the one
            person who let it join, and nothing before they were shown the notice.
          </p>
        </div>
        <a className="b" href="/my-data">
          Let my browser join
        </a>
      </header>
      <section className="card">
        <RecorderList none="No browser records a screen. People let theirs join on My data." />
      </section>
    </div>
  );
}
