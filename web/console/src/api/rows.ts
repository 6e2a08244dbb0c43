/** Lists of which one row that cannot be read does not take the others with it. */
import * as v from "valibot";

/** A row that does not have the agreed shape; its id and state, where it has them. */
const Broken = v.object({
  id: v.fallback(v.nullable(v.string()), null),
  state: v.fallback(v.nullable(v.string()), null),
});
export type Broken = v.InferOutput<typeof Broken>;

export interface Rows<T> {
  items: T[];
  broken: Broken[];
}

/** The rows that fit, and those that do not. */
export const rowsOf = <T>(row: v.GenericSchema<unknown, T>) =>
  v.pipe(
    v.array(v.unknown()),
    v.transform((raws): Rows<T> => {
      const rows: Rows<T> = { items: [], broken: [] };
      for (const raw of raws) {
        const read = v.safeParse(row, raw);
        if (read.success) rows.items.push(read.output);
        else rows.broken.push(v.parse(v.fallback(Broken, { id: null, state: null }), raw));
      }
      return rows;
    }),
  );

/** The rows beside what else a list says. */
export const spread = <L extends { items: Rows<unknown> }>(list: L): Omit<L, "items"> & L["items"] => {
  const { items, ...rest } = list;
  return { ...rest, ...items };
};
