import { Fragment, type ReactNode } from "react";
import { Icon } from "./Icon";
import "../styles/table.css";

export interface Column<Row> {
  id: string;
  head: string;
  cell: (row: Row) => ReactNode;
  /** True where the head is only heard: the cells say what they are. */
  hidden?: boolean;
  /** `num` for figures, `wide` for the column that takes what is left, `aside` for what a phone leaves out. */
  kind?: "num" | "wide" | "aside";
}

interface DataTableProps<Row> {
  /** What the table holds, for those who hear it. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Words for the control that opens a row: "Entry 12". */
  rowLabel: (row: Row) => string;
  /** What stands under a row when it is open. */
  detail: (row: Row) => ReactNode;
  openKey: string | null;
  onOpen: (key: string | null) => void;
  rowClass?: (row: Row) => string | undefined;
}

/** Rows of figures that open in place. One for the whole console. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowKey, openKey } = props;
  return (
    <table className="dt">
      <caption className="vh">{label}</caption>
      <thead>
        <tr className="micro">
          {columns.map((column) => (
            <th key={column.id} scope="col" className={column.kind}>
              {column.hidden ? <span className="vh">{column.head}</span> : column.head}
            </th>
          ))}
          <th scope="col" className="opens">
            <span className="vh">Open</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <TableRow key={rowKey(row)} row={row} open={rowKey(row) === openKey} {...props} />
        ))}
      </tbody>
    </table>
  );
}

function TableRow<Row>(props: DataTableProps<Row> & { row: Row; open: boolean }) {
  const { row, open, columns, rowKey, rowLabel, rowClass, detail, onOpen } = props;
  const key = rowKey(row);
  const toggle = () => onOpen(open ? null : key);
  return (
    <Fragment>
      {/* The whole row may be pressed; the button in it is for the keyboard and for those who hear the page. */}
      <tr className={[open ? "open" : "", rowClass?.(row) ?? ""].join(" ").trim()} onClick={toggle}>
        {columns.map((column) => (
          <td key={column.id} className={column.kind}>
            {column.cell(row)}
          </td>
        ))}
        <td className="opens">
          <button
            type="button"
            className="ib s"
            data-row={key}
            aria-expanded={open}
            aria-label={rowLabel(row)}
            onClick={(event) => {
              event.stopPropagation();
              toggle();
            }}
          >
            <Icon name={open ? "chev" : "chevr"} small />
          </button>
        </td>
      </tr>
      {open && (
        <tr className="dt-detail">
          <td colSpan={columns.length + 1}>{detail(row)}</td>
        </tr>
      )}
    </Fragment>
  );
}
