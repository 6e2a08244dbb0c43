/** Gives a file to the browser to keep. */
export function saveFile(name: string, file: Blob): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it after the click has returned.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** The same with a text. */
export function saveText(name: string, text: string): void {
  saveFile(name, new Blob([text], { type: "application/json" }));
}
