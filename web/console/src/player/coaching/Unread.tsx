import { explain } from "../../components/States";

interface UnreadProps {
  /** What could not be read, with its article: `The comments`. */
  what: string;
  error: Error;
  retry: () => void;
}

/** What stands beside the picture where it could not be read. */
export function Unread({ what, error, retry }: UnreadProps) {
  return (
    <div className="unread" role="alert">
      <p>
        <b>{what} could not be read.</b>
      </p>
      {explain(error).lines.map((line) => (
        <p key={line} className="ink2">
          {line}
        </p>
      ))}
      <button type="button" className="b s" onClick={retry}>
        Try now
      </button>
    </div>
  );
}
