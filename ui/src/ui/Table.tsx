// A plain table from column definitions. Wide tables scroll inside themselves.
import type { ReactNode } from 'react';

import { classes } from '@/lib/classes';

export interface Column<T> {
  name: string;
  cell: (row: T) => ReactNode;
  isNumber?: boolean;
  className?: string;
}

interface TableProps<T> {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  empty?: ReactNode;
}

export function Table<T>({ caption, columns, rows, rowKey, empty }: TableProps<T>) {
  if (rows.length === 0 && empty !== undefined) return <div className="px-4 py-6 text-sm text-text-2">{empty}</div>;
  return (
    // A scrolling region has to be reachable by keyboard.
    <div className="overflow-x-auto" role="region" aria-label={`${caption}, table`} tabIndex={0}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={classes(
                  'border-b border-line px-4 py-2 text-xs font-medium whitespace-nowrap text-text-3',
                  column.isNumber ? 'text-right' : 'text-left',
                )}
              >
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="hover:bg-sunken [&:not(:last-child)>td]:border-b">
              {columns.map((column) => (
                <td
                  key={column.name}
                  className={classes('border-line px-4 py-2', column.isNumber && 'text-right', column.className)}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
