/** What somebody does in the extension. `here`: the page with the code is the one they are looking at. */
export function JoinSteps({ here }: { here: boolean }) {
  return (
    <ol className="steps">
      {!here && <li>Open this link in the browser that is to record.</li>}
      <li>
        Press the Clerestory icon beside the address,{" "}
        {here ? "while this page is open" : "on the page it opens"}. Where there is none, the extension is not
        installed yet: whoever runs Clerestory for you has it.
      </li>
      <li>
        Press <b>Join</b>. The extension takes the code from the page&rsquo;s address and says whose screen it
        will record.
      </li>
      <li>
        Nothing is recorded by that. Recording begins when you press Record, and the extension shows it.
      </li>
    </ol>
  );
}
