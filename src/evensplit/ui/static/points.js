// Which number of the table a point of the chart is: the button that shows the people behind it.

function rows(answer) {
  return [...answer.querySelectorAll("table.numbers tbody")].map((body) => [...body.rows]);
}

const buttons = (row) => (row ? [...row.querySelectorAll("[data-at]")] : []);

// Lines and bars: a trace is a column that people stand behind, a point a row. Empty cells have no button.
function byColumn(answer, point) {
  const [first] = rows(answer);
  const row = first?.[point.pointNumber];
  const columns = first?.reduce((most, each) => Math.max(most, each.cells.length), 0) ?? 0;
  const counted = [];
  for (let n = 1; n < columns; n += 1) {
    if (first.some((each) => each.cells[n]?.querySelector("[data-at]"))) counted.push(n);
  }
  return row?.cells[counted[point.curveNumber]]?.querySelector("[data-at]") ?? null;
}

const KINDS = {
  trend: byColumn,
  lifecycle: byColumn,
  stickiness: byColumn,
  sessions: (answer, point) => (point.curveNumber === 0 ? buttons(rows(answer)[1]?.[point.pointNumber])[0] : null),
  funnel: (answer, point) => {
    const tables = rows(answer);
    const table = tables[tables.length > 1 ? point.curveNumber + 1 : 0];
    return table?.[point.pointNumber]?.cells[2]?.querySelector("[data-at]") ?? null;
  },
  retention: (answer, point) => {
    const [row, column] = point.pointNumber;
    return rows(answer)[0]?.[row]?.cells[column ? 2 * column : 1]?.querySelector("[data-at]") ?? null;
  },
};

export function cellOf(kind, answer, point) {
  return KINDS[kind]?.(answer, point) ?? null;
}
