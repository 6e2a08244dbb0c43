/**
 * What the server has and its description, from which `schema.d.ts` is made, does not name yet. With the next
 * `npm run api` this file goes, with its two uses in `contract.ts`.
 */

export interface UndescribedPaths {
  GET:
    | `/recordings/${string}/comments`
    | `/recordings/${string}/clips`
    | `/recordings/${string}/review`
    | "/playlists"
    | `/playlists/${string}`
    | "/reviews"
    | `/people/${string}/calendar`;
  POST:
    | `/recordings/${string}/comments`
    | `/recordings/${string}/clips`
    | `/recordings/${string}/export`
    | `/clips/${string}/plays`
    | "/playlists";
  PUT: `/recordings/${string}/review`;
  PATCH: `/comments/${string}` | `/clips/${string}` | `/playlists/${string}`;
  DELETE:
    | `/comments/${string}`
    | `/clips/${string}`
    | `/playlists/${string}`
    | `/recordings/${string}/review`;
}

/** Fields of recordings. */
export interface UndescribedFields {
  preview: unknown;
  preview_state: unknown;
  preview_why: unknown;
  may_export: unknown;
  export: unknown;
}
