/** Shows what each task returned. */

import { element, euro, icon, number, table } from "./elements.js";

/** @returns {Node[]} What to show of a completed run. */
export function resultOf(run) {
  if (run.imported) return importReport(run.imported);
  if (run.sold) return salesReport(run.sold);
  if (run.synced) return inventoryReport(run.synced);
  return [];
}

/** A completed run in one sentence. */
export function summaryOf(run) {
  if (run.imported) {
    const { created, updated, rejectedCount } = run.imported;
    return `${number(created)} created, ${number(updated)} updated, ${number(rejectedCount)} rejected`;
  }
  if (run.sold) return `${euro(run.sold.total)} in ${number(run.sold.sales)} sales`;
  if (run.synced) return `${number(run.synced.updated)} updated, ${number(run.synced.failed)} refused`;
  return "";
}

function importReport({ created, updated, skipped, rejectedCount, rejected }) {
  const rows = rejected.map(({ line, reason, content }) => [number(line), reason, content]);
  const more = rejectedCount > rejected.length ? `The first ${rejected.length} of ${number(rejectedCount)} rejected rows` : "Rejected rows";
  return [
    figures([
      [created, "created", "good"],
      [updated, "updated"],
      [skipped, "unchanged"],
      [rejectedCount, "rejected", "bad"],
    ]),
    rows.length ? disclosure(more, table(more, ["Line", "Reason", "Row"], rows, { numeric: [0], wide: [1] })) : null,
  ];
}

function salesReport({ start, end, groupBy, sales, total, rows, chart, table: file }) {
  if (!rows.length) return [element("p", { class: "note" }, "Nothing was sold in this period.")];
  const caption = `Sales by ${groupBy.toLowerCase()}, ${start} to ${end}`;
  const lines = rows.map((row) => [row.label, number(row.sales), number(row.quantity), euro(row.revenue)]);
  return [
    figures([
      [euro(total), "revenue", "good"],
      [sales, "sales"],
    ]),
    element("img", { class: "chart", src: chart.url, alt: `${caption}: a bar chart of the numbers in the table below` }),
    disclosure("The numbers", table(caption, ["", "Sales", "Pieces", "Revenue"], lines, { numeric: [1, 2, 3] })),
    element("p", { class: "downloads" }, download(chart, "Chart (SVG)"), download(file, "Table (CSV)")),
  ];
}

function inventoryReport({ updated, unchanged, failed, failures, pages, retries }) {
  const rows = failures.map(({ sku, reason }) => [sku, reason]);
  return [
    figures([
      [updated, "updated", "good"],
      [unchanged, "unchanged"],
      [failed, "refused", "bad"],
      [pages, "pages"],
      [retries, "requests repeated"],
    ]),
    rows.length ? disclosure("Refused levels", table("Refused levels", ["Product", "Reason"], rows)) : null,
  ];
}

function figures(list) {
  const shown = list.map(([value, label, tone]) => {
    const text = typeof value === "number" ? number(value) : value;
    const attributes = tone && value !== 0 ? { class: tone } : {};
    return element("div", attributes, element("dt", {}, label), element("dd", {}, text));
  });
  return element("dl", { class: "figures" }, ...shown);
}

function disclosure(title, content) {
  return element("details", {}, element("summary", {}, title), content);
}

function download({ url, name }, label) {
  return element("a", { class: "button quiet", href: url, download: name }, icon("download"), label);
}
