// Elements from data. Whatever an event says becomes a text node or an attribute's value, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [kind, listener] of Object.entries(value)) element.addEventListener(kind, listener);
    } else if (name === "value") {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return parent;
}

export function table(caption, heads, rows, props = {}) {
  const head = h("tr", {}, heads.map((one) => h("th", { scope: "col", class: one.number ? "number" : null }, one.text ?? one)));
  const body = rows.length ? rows : [h("tr", {}, h("td", { colspan: heads.length, class: "nothing" }, "Nothing yet."))];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", props, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, head), h("tbody", {}, body)));
}

export const td = (child, kind) => h("td", { class: kind }, child ?? "–");

export function panel(title, ...children) {
  return h("section", { class: "panel" }, h("h2", {}, title), children);
}

export function field(label, control, kind = "") {
  return h("label", { class: `field ${kind}` }, h("span", {}, label), control);
}

export function select(name, options, chosen) {
  return h("select", { name }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

export function input(name, value, props = {}) {
  return h("input", { name, type: "text", autocomplete: "off", spellcheck: "false", ...props, value: value ?? "" });
}

export function badge(status) {
  const kinds = {
    HEALTHY: "good", SUCCESS: "good", PASS: "good", DEGRADED: "warn", WARN: "warn", PARTIAL: "warn", DENIED: "warn",
    UNHEALTHY: "bad", FAILURE: "bad", FAIL: "bad", refused: "bad", UNKNOWN: "dim",
  };
  const signs = { good: "●", warn: "▲", bad: "■", dim: "○" };
  const kind = kinds[status] ?? "dim";
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, `${signs[kind]} `), status);
}

export function details(object) {
  return h("dl", { class: "facts" }, Object.entries(object).filter(([, value]) => value !== undefined)
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value instanceof Node ? value : plain(value))]));
}

function plain(value) {
  return value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

let announced;
export function announce(text) {
  clearTimeout(announced);
  const place = document.getElementById("announce");
  place.textContent = "";
  announced = setTimeout(() => { place.textContent = text; }, 50);
}
