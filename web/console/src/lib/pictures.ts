/** Bytes of a file at most, as the server says it. */
const MOST_BYTES = 5 * 1024 * 1024;

/** Why a file is not worth sending; null where the server has to look. */
export function pictureFault(file: Pick<File, "size" | "type">): string | null {
  if (file.size > MOST_BYTES) return "A picture has at most 5 MiB. Save it smaller and choose it again.";
  if (file.size === 0 || (file.type !== "" && !/^image\/(png|jpeg|webp|gif)$/.test(file.type))) {
    return "This is not a picture that can be read: PNG, JPEG, WebP or GIF.";
  }
  return null;
}
