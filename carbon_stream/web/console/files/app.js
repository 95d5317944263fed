// The frame of all pages: navigation by the address's fragment, theme, token, and what is said when a page fails.

import { Problem, get, token } from "./api.js";
import { announce, h, replace } from "./dom.js";

const PAGES = [
  ["live", "Live"], ["audit", "Audit"], ["health", "Health"], ["lineage", "Lineage"], ["datasets", "Datasets"],
  ["dead-letters", "Dead letters"], ["topics", "Topics"],
];
const MODULES = { story: "./story.js" };
const main = document.getElementById("main");
let leaving = new AbortController();

export function link(page, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  return `#/${page}${query.size ? `?${query}` : ""}`;
}

async function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const name = PAGES.some(([page]) => page === path) || path in MODULES ? path : "live";
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  for (const anchor of document.querySelectorAll("#pages a")) {
    const current = anchor.dataset.page === name || (name === "story" && anchor.dataset.page === "audit");
    if (current) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const title = PAGES.find(([page]) => page === name)?.[1] ?? "Story";
  document.title = `${title} · carbon_stream`;
  const place = h("div", { class: "page" });
  replace(main, h("h1", { tabindex: "-1" }, title), place);
  try {
    const module = await import(MODULES[name] ?? `./${name}.js`);
    if (signal.aborted) return;
    await module.show(place, Object.fromEntries(new URLSearchParams(query)), signal);
    if (!signal.aborted) main.dataset.shown = name;
  } catch (error) {
    if (!signal.aborted) place.append(failure(error));
  }
}

export function failure(error) {
  const problem = error instanceof Problem ? error : null;
  const lines = [problem ? error.message : "The service cannot be reached."];
  if (problem && (error.status === 401 || error.status === 403)) lines.push("A token can be given with the button Token.");
  announce(lines[0]);
  return h("div", { class: "failure", role: "alert" }, h("strong", {}, problem?.document.title ?? "No answer"), " ", lines.join(" "));
}

// Repeats an update as long as the page is open; a hidden tab asks for nothing.
export async function repeat(update, everyMs, signal) {
  const tick = async () => {
    if (signal.aborted) return;
    try {
      if (!document.hidden) await update();
    } catch (error) {
      if (!signal.aborted) await broken(error);
    }
    if (!signal.aborted) setTimeout(tick, everyMs);
  };
  await update();
  setTimeout(tick, everyMs);
}

async function broken(error) {
  document.querySelector(".failure.lasting")?.remove();
  const shown = failure(error);
  shown.classList.add("lasting");
  main.querySelector(".page")?.prepend(shown);
  setTimeout(() => shown.remove(), 10_000);
}

function navigation() {
  document.getElementById("pages").append(...PAGES.map(([name, title]) => h("li", {}, h("a", { href: `#/${name}`, "data-page": name }, title))));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
}

function themes() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const told = () => button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
  const kept = sessionStorage.getItem("carbon-stream-theme");
  if (kept) root.dataset.theme = kept;
  button.textContent = "◐";
  told();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    sessionStorage.setItem("carbon-stream-theme", root.dataset.theme);
    told();
  });
}

function tokens() {
  const button = document.getElementById("token");
  const dialog = document.getElementById("token-dialog");
  const value = document.getElementById("token-value");
  const told = () => { button.textContent = token.get() ? "Token ✓" : "Token"; };
  told();
  button.addEventListener("click", () => {
    value.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    value.focus();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "keep" && value.value.trim()) token.set(value.value.trim());
    if (dialog.returnValue === "forget") token.set("");
    const changed = dialog.returnValue === "keep" || dialog.returnValue === "forget";
    value.value = "";
    told();
    if (changed) route();
  });
}

async function readiness() {
  const pill = document.getElementById("ready");
  let text;
  try {
    const answer = await get("readyz");
    text = answer.status === "ready" ? "ready" : `waiting: ${Object.values(answer.missing).join(", ")}`;
  } catch {
    text = "no answer";
  }
  if (pill.textContent !== text) pill.textContent = text;
  pill.className = `pill ${text === "ready" ? "good" : "bad"}`;
  setTimeout(readiness, 10_000);
}

navigation();
themes();
tokens();
addEventListener("hashchange", async () => {
  await route();
  main.querySelector("h1")?.focus();
  scrollTo(0, 0);
});
route();
readiness();
