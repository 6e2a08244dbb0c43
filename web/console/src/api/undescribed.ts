/** What the console reads of recordings where a server tells it, and this one does not tell yet: pictures of them. */
export interface UndescribedFields {
  preview: unknown;
  preview_state: unknown;
  preview_why: unknown;
}
