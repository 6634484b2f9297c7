/** Small building blocks: elements, numbers, durations. */

const numbers = new Intl.NumberFormat("en");
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

/** Make an element; texts among the children are never read as HTML. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** @param {number[]} numeric Columns of numbers. @param {number[]} wide Columns of sentences. */
export function table(caption, columns, rows, { numeric = [], wide = [] } = {}) {
  const kind = (column) => (numeric.includes(column) ? "number" : wide.includes(column) ? "wide" : "");
  const cell = (name, text, column) => element(name, { class: kind(column) }, text);
  const head = columns.map((text, column) => {
    const made = cell("th", text, column);
    made.scope = "col";
    return made;
  });
  const body = rows.map((row) => element("tr", {}, ...row.map((text, column) => cell("td", String(text), column))));
  return element(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)),
  );
}

export const number = (value) => numbers.format(value);
export const euro = (value) => euros.format(value);

export function bytes(size) {
  if (size < 1000) return `${size} bytes`;
  return size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

export function duration(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}
